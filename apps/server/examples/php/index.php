<?php
declare(strict_types=1);

require __DIR__ . '/caller.php';

// GET /api/orders: the orders of whoever asks.
$caller = caller();
if (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) !== '/api/orders') {
    http_response_code(404);
    exit;
}
header('content-type: application/json');
echo json_encode(['ordersOf' => $caller->userId, 'appid' => $caller->appid]);
