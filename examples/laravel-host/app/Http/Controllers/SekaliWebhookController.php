<?php

namespace App\Http\Controllers;

use App\Jobs\ConfirmPaidConsultation;
use App\Sekali\StandardWebhook;
use Illuminate\Http\Request;
use Illuminate\Http\Response;
use Illuminate\Support\Facades\DB;

final class SekaliWebhookController
{
    public function __invoke(Request $request): Response
    {
        $id = (string) $request->header('webhook-id');
        $webhook = new StandardWebhook(config('sekali.webhook_secrets'));
        $genuine = $webhook->isGenuine(
            $id,
            (string) $request->header('webhook-timestamp'),
            (string) $request->header('webhook-signature'),
            $request->getContent(),
            time(),
        );
        if (! $genuine) {
            return new Response('not a message of Sekali\'s', 400);
        }
        $message = json_decode($request->getContent(), true, 64, JSON_THROW_ON_ERROR);
        // Only what is committed is acknowledged; after an exception Sekali sends the message again.
        DB::transaction(fn () => $this->take($id, $message));

        return new Response('', 204);
    }

    private function take(string $id, array $message): void
    {
        // The primary key decides which of two equal messages is the first.
        $new = DB::table('sekali_messages')->insertOrIgnore([
            'id' => $id,
            'type' => $message['type'],
            'taken_at' => now(),
        ]);
        // Types that are not known here yet are acknowledged, and change nothing.
        if ($new === 1 && str_starts_with($message['type'], 'payment.')) {
            $this->follow($message['type'], $message['timestamp'], $message['data']);
        }
    }

    private function follow(string $type, string $timestamp, array $data): void
    {
        // Not by its number: numbers come again when Sekali's database was restored from a backup.
        $known = DB::table('sekali_payments')->where('reference', $data['reference'])->lockForUpdate()->first();
        // Older than what is known: replayed. Not by `sequence`, whose numbers come again as well.
        if ($known !== null && $known->told_at > $timestamp) {
            return;
        }
        DB::table('sekali_payments')->updateOrInsert(['reference' => $data['reference']], [
            'payment_id' => $data['payment_id'],
            'consultation_id' => $data['consultation_id'],
            'told_at' => $timestamp,
            'status' => $data['status'],
            // What only some messages tell stays as it was told last.
            'refunded_amount' => $data['refunded_amount'] ?? $known?->refunded_amount,
            'dispute_status' => $data['dispute']['status'] ?? $known?->dispute_status,
        ]);
        if ($type === 'payment.completed') {
            ConfirmPaidConsultation::dispatch($data['consultation_id'], $data['invoice_number']);
        }
    }
}
