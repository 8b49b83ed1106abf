<?php

use App\Http\Controllers\SekaliWebhookController;
use Illuminate\Support\Facades\Route;

// Outside the group "web": there is no session here, and no CSRF token. The address is
// https://your-host.example/api/webhooks/sekali.
Route::post('/webhooks/sekali', SekaliWebhookController::class);
