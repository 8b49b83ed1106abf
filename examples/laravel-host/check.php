<?php

// Checks the verification without Laravel: php check.php
require __DIR__.'/app/Sekali/StandardWebhook.php';

use App\Sekali\StandardWebhook;

// The example in the tests of the official libraries of Standard Webhooks.
$secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
$other = 'whsec_'.base64_encode(str_repeat('x', 32));
$at = 1614265330;
$signature = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
$foreign = 'v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=';

$cases = [
    'the published example' => [true, [$secret], $signature],
    'one of two signatures' => [true, [$secret], "$foreign $signature"],
    'one of two secrets' => [true, [$other, $secret], $signature],
    'another signature' => [false, [$secret], $foreign],
    'another version' => [false, [$secret], str_replace('v1,', 'v2,', $signature)],
    'another secret' => [false, [$other], $signature],
    'no secret' => [false, [], $signature],
    'no signature' => [false, [$secret], ''],
    'another body' => [false, [$secret], $signature, ['body' => '{"test": 2432232315}']],
    'another id' => [false, [$secret], $signature, ['id' => 'msg_another']],
    'no id' => [false, [$secret], $signature, ['id' => '']],
    'no time' => [false, [$secret], $signature, ['timestamp' => '']],
    'just in time' => [true, [$secret], $signature, ['now' => $at + 300]],
    'too old' => [false, [$secret], $signature, ['now' => $at + 301]],
    'too early' => [false, [$secret], $signature, ['now' => $at - 301]],
];

$wrong = 0;
foreach ($cases as $name => $case) {
    [$expected, $secrets, $signatures] = $case;
    $with = ($case[3] ?? []) + [
        'id' => 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        'timestamp' => (string) $at,
        'body' => '{"test": 2432232314}',
        'now' => $at,
    ];
    $webhook = new StandardWebhook($secrets);
    $found = $webhook->isGenuine($with['id'], $with['timestamp'], $signatures, $with['body'], $with['now']);
    if ($found !== $expected) {
        fwrite(STDERR, "$name: ".($found ? 'accepted' : 'refused')."\n");
        $wrong++;
    }
}
echo $wrong === 0 ? count($cases)." checks hold\n" : "$wrong checks fail\n";
exit($wrong === 0 ? 0 : 1);
