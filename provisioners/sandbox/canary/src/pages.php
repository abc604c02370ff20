<?php

declare(strict_types=1);

namespace Canary;

/** The diagnosis, as Drupal would send a page to someone without a session. */
function page_home(): void
{
    $findings = (new Probes())->all();
    $broken = array_filter($findings, fn (Finding $item) => !$item->works);
    // A page that reports trouble must not be kept; one that works is kept as long as it says.
    $broken ? cache_never() : cache_public(60);
    http_response_code($broken ? 503 : 200);
    $rows = '';
    foreach ($findings as $item) {
        $rows .= sprintf(
            "<tr class=\"%s\"><th scope=\"row\">%s</th><td>%s</td><td>%s</td></tr>\n",
            $item->works ? 'works' : 'fails',
            text($item->layer),
            $item->works ? 'works' : 'fails',
            text(trim("$item->seen $item->advice")),
        );
    }
    $verdict = $broken ? 'Something below this site does not work.' : 'Every layer below this site works.';
    show('Canary', "<p class=\"verdict\">$verdict</p>\n<table>\n$rows</table>");
}

/** The same for programs. */
function page_json(): void
{
    $findings = (new Probes())->all();
    $works = !array_filter($findings, fn (Finding $item) => !$item->works);
    cache_never();
    http_response_code($works ? 200 : 503);
    header('Content-Type: application/json');
    echo json_encode(['works' => $works, 'layers' => $findings], JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES);
}

/** Starts a session, under a name as Drupal's: nginx knows it by that. */
function page_session(): void
{
    session_name('SESS' . substr(hash('sha256', $_SERVER['HTTP_HOST'] ?? 'canary'), 0, 32));
    session_cache_limiter('');
    session_start();
    $_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
    cache_never();
    show('Session', "<p>You have a session and were here {$_SESSION['visits']} times. "
        . 'As long as it lasts, nginx passes your requests by its micro-cache.</p>');
}

/** For one person only: no cache on the way may keep it. */
function page_private(): void
{
    cache_never();
    show('Private', '<p>This page was made for you at ' . gmdate('H:i:s') . ' UTC by request '
        . bin2hex(random_bytes(8)) . ', and for nobody else.</p>');
}

function page_missing(string $path): void
{
    http_response_code(404);
    cache_public(10);
    show('Not found', '<p>There is nothing at ' . text($path) . '.</p>');
}

function cache_public(int $seconds): void
{
    header("Cache-Control: max-age=$seconds, public");
    header('Expires: Sun, 19 Nov 1978 05:00:00 GMT');
    header('Vary: Cookie');
}

function cache_never(): void
{
    header('Cache-Control: private, no-cache, must-revalidate');
    header('Vary: Cookie');
}

function text(string $raw): string
{
    return htmlspecialchars($raw, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
}

function show(string $title, string $body): void
{
    header('Content-Type: text/html; charset=utf-8');
    header('X-Content-Type-Options: nosniff');
    echo <<<HTML
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>$title</title>
        <link rel="stylesheet" href="/canary.css">
        <link rel="stylesheet" href="/sites/default/files/css/far-future.css">
        </head>
        <body>
        <main>
        <h1>$title</h1>
        $body
        <nav><a href="/">diagnosis</a> <a href="/session">session</a> <a href="/private">private</a>
        <a href="/canary.json">for programs</a></nav>
        </main>
        </body>
        </html>
        HTML;
}
