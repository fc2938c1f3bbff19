<?php
declare(strict_types=1);

/** The signed-in user. `externalId` is null where the sign-in service knows none. */
final class Caller
{
    public function __construct(
        public readonly string $userId,
        public readonly string $sessionId,
        public readonly string $appid,
        public readonly ?string $externalId,
    ) {
    }
}

/**
 * Who sent this request.
 *
 * nginx has asked the sign-in service already and overwritten these headers, so they are true as long as nobody else can
 * reach this port.
 */
function caller(): Caller
{
    $userId = $_SERVER['HTTP_X_AUTH_USER_ID'] ?? null;
    if ($userId === null) {
        // Not 401: that would tell the phone that its session is not valid. The configuration of the proxy is wrong.
        error_log('a request without X-Auth-User-Id: it did not come through the proxy');
        http_response_code(500);
        exit;
    }
    return new Caller(
        $userId,
        $_SERVER['HTTP_X_AUTH_SESSION_ID'],
        $_SERVER['HTTP_X_AUTH_APPID'],
        $_SERVER['HTTP_X_AUTH_EXTERNAL_ID'] ?? null,
    );
}
