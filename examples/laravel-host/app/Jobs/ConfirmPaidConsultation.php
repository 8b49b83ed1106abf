<?php

namespace App\Jobs;

use Illuminate\Bus\Queueable;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Foundation\Bus\Dispatchable;
use Illuminate\Queue\InteractsWithQueue;
use Illuminate\Support\Facades\Log;

/**
 * What takes longer than an answer to Sekali may. On the queue connection "database" the job is written
 * in the message's own transaction: there is one if and only if the message was taken.
 */
final class ConfirmPaidConsultation implements ShouldQueue
{
    use Dispatchable;
    use InteractsWithQueue;
    use Queueable;

    public int $tries = 10;

    public function __construct(private int $consultation, private string $invoice)
    {
        $this->onConnection('database');
    }

    public function handle(): void
    {
        // Your application's own: a mail to the patient, a place in the doctor's list. It may run twice.
        Log::info('Consultation paid', ['consultation' => $this->consultation, 'invoice' => $this->invoice]);
    }
}
