<?php
declare(strict_types=1);

require_once __DIR__ . '/caller.php';

/**
 * Takes the place of `caller()` where there is no nginx: asks the sign-in service itself. Answers 401 or 503.
 *
 * Nothing is remembered, because PHP keeps nothing between two requests: a session that was ended is refused at once. Where
 * that is too slow, keep "yes" for some seconds under the SHA-256 of the token, in APCu or in Redis. Keep no "no".
 */
function introspectedCaller(): Caller
{
    // Apache hands `Authorization` on only with `CGIPassAuth On`.
    if (!preg_match('/^bearer +(\S{1,1000})$/i', $_SERVER['HTTP_AUTHORIZATION'] ?? '', $found)) {
        refuse(401);
    }
    $answer = introspect($found[1]);
    if ($answer['active'] === false) {
        refuse(401);
    }
    return new Caller($answer['sub'], $answer['session_id'], $answer['appid'], $answer['external_id'] ?? null);
}

function introspect(string $token): array
{
    $context = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => ['Authorization: Bearer ' . getenv('SERVICE_TOKEN'), 'Content-Type: application/json'],
        'content' => json_encode(['token' => $token]),
        'timeout' => 3,
        'follow_location' => 0,
    ]]);
    // False for every status but 2xx.
    $text = @file_get_contents(getenv('SERVICE_URL') . '/service/v1/introspect', false, $context);
    $answer = $text === false ? null : json_decode($text, true);
    if (!is_bool($answer['active'] ?? null)) {
        // The service did not answer, or did not accept us: nothing is known about the session.
        error_log('introspection failed: ' . (error_get_last()['message'] ?? 'answered something else'));
        header('retry-after: 1');
        refuse(503);
    }
    return $answer;
}

function refuse(int $status): never
{
    http_response_code($status);
    exit;
}
