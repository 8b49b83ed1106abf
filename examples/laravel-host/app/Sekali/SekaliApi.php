<?php

namespace App\Sekali;

use Illuminate\Support\Facades\Http;

/** What the host asks of Sekali, and the tokens for it. */
final class SekaliApi
{
    /** For the patient's browser: who pays, and for how long that is believed. */
    public function patientToken(int $patient): string
    {
        return $this->token($patient, [], 15 * 60);
    }

    /** Before the patient can pay, Sekali has to know what for. May be repeated. */
    public function keepConsultation(int $id, int $patient, string $fee, string $currency): void
    {
        Http::withToken($this->token($patient, ['role' => 'service'], 60))
            ->timeout(10)
            ->put(config('sekali.url')."/api/v1/consultations/$id", [
                'patient_id' => $patient,
                'fee' => $fee,
                'currency' => $currency,
            ])
            ->throw();
    }

    private function token(int $user, array $claims, int $seconds): string
    {
        $claims += ['sub' => (string) $user, 'exp' => time() + $seconds];
        $signed = self::part(['alg' => 'HS256', 'typ' => 'JWT']).'.'.self::part($claims);

        return $signed.'.'.self::base64url(hash_hmac('sha256', $signed, config('sekali.jwt_secret'), true));
    }

    private static function part(array $json): string
    {
        return self::base64url(json_encode($json, JSON_THROW_ON_ERROR));
    }

    private static function base64url(string $bytes): string
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }
}
