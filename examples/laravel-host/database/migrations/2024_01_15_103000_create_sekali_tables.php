<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Schema;

return new class extends Migration
{
    public function up(): void
    {
        Schema::create('sekali_messages', function (Blueprint $table) {
            $table->string('id')->primary();
            $table->string('type');
            $table->timestamp('taken_at');
        });
        Schema::create('sekali_payments', function (Blueprint $table) {
            $table->uuid('reference')->primary();
            $table->unsignedBigInteger('payment_id')->index();
            $table->unsignedBigInteger('consultation_id')->index();
            $table->string('told_at');
            $table->string('status');
            $table->string('refunded_amount')->nullable();
            $table->string('dispute_status')->nullable();
        });
    }

    public function down(): void
    {
        Schema::drop('sekali_payments');
        Schema::drop('sekali_messages');
    }
};
