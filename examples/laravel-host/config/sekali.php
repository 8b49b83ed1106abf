<?php

return [
    'url' => env('SEKALI_URL', 'http://127.0.0.1:8080'),
    // The same as Sekali's SEKALI_JWT_SECRET.
    'jwt_secret' => env('SEKALI_JWT_SECRET'),
    // One, or two with a comma between while they are exchanged.
    'webhook_secrets' => array_filter(explode(',', env('SEKALI_HOST_WEBHOOK_SECRET', ''))),
];
