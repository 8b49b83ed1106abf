<?php

namespace App\Sekali;

/** Whether a message is Sekali's: Standard Webhooks, by HMAC-SHA256. */
final class StandardWebhook
{
    /** Seconds that a message may be old, or early by clocks that differ. */
    private const TOLERANCE = 300;

    /** @param string[] $secrets whsec_…: one, or two while they are exchanged */
    public function __construct(private array $secrets)
    {
    }

    /** $body is the request's body to the byte, $now in seconds since 1970. */
    public function isGenuine(string $id, string $timestamp, string $signatures, string $body, int $now): bool
    {
        if ($id === '' || ! ctype_digit($timestamp) || abs($now - (int) $timestamp) > self::TOLERANCE) {
            return false;
        }
        $genuine = false;
        foreach ($this->secrets as $secret) {
            $expected = $this->sign($secret, "$id.$timestamp.$body");
            foreach (explode(' ', $signatures) as $signature) {
                // In constant time.
                $genuine = hash_equals($expected, $signature) || $genuine;
            }
        }

        return $genuine;
    }

    private function sign(string $secret, string $content): string
    {
        $key = str_starts_with($secret, 'whsec_') ? base64_decode(substr($secret, 6), true) : false;
        if ($key === false || strlen($key) < 24) {
            throw new \LogicException('A webhook secret is not whsec_ and the base64 of at least 24 bytes.');
        }

        return 'v1,'.base64_encode(hash_hmac('sha256', $content, $key, true));
    }
}
