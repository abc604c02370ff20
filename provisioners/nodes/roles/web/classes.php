<?php

/**
 * Files of the live release that this FPM has compiled and that do nothing but declare classes, as JSON. Reached over
 * FPM's socket only (/usr/lib/drucloud/preload).
 *
 * A file that also runs something (a function call, class_alias(), a condition around a class) does so each time it is
 * included, and it would no longer be, for nobody looks for a class that is there. Including one all the same is no error.
 * Only `class_exists(Name::class);` may stand there: with it Symfony's files ask for what they are about to need.
 */

declare(strict_types=1);

header('Content-Type: application/json');

/** Whether a file only declares classes, interfaces, traits and enumerations. */
function declares_only_classes(string $file): bool
{
    $code = @file_get_contents($file);
    if ($code === false) {
        return false;
    }
    $tokens = PhpToken::tokenize($code);
    $blank = [T_OPEN_TAG, T_WHITESPACE, T_COMMENT, T_DOC_COMMENT];
    $statements = [T_DECLARE, T_NAMESPACE, T_USE];
    $kinds = [T_CLASS, T_INTERFACE, T_TRAIT, T_ENUM];
    $before = [T_ABSTRACT, T_FINAL, ...(defined('T_READONLY') ? [T_READONLY] : [])];
    $classes = 0;
    for ($at = 0, $end = count($tokens); $at < $end; ++$at) {
        $token = $tokens[$at];
        if ($token->is($blank) || $token->is($before)) {
            continue;
        }
        if ($token->is($statements)) {
            while ($at < $end && !$tokens[$at]->is(';')) {
                if ($token->is(T_NAMESPACE) && $tokens[$at]->is('{')) {
                    return false;
                }
                ++$at;
            }
        } elseif ($token->is(['class_exists', '\\class_exists'])) {
            for ($asked = ''; $at < $end && !$tokens[$at]->is(';'); ++$at) {
                $asked .= $tokens[$at]->text;
            }
            if (!preg_match('/^\\\\?class_exists\\([\\w\\\\]+::class\\)$/', $asked)) {
                return false;
            }
        } elseif ($token->is(T_ATTRIBUTE)) {
            $at = closing($tokens, $at, ['[', T_ATTRIBUTE], [']']);
        } elseif ($token->is($kinds)) {
            while ($at < $end && !$tokens[$at]->is('{')) {
                ++$at;
            }
            $at = closing($tokens, $at, ['{', T_CURLY_OPEN, T_DOLLAR_OPEN_CURLY_BRACES], ['}']);
            ++$classes;
        } else {
            return false;
        }
    }
    return $classes > 0;
}

/** Place of the token that closes the bracket at ``$at``. */
function closing(array $tokens, int $at, array $opens, array $closes): int
{
    for ($depth = 0, $end = count($tokens); $at < $end; ++$at) {
        $depth += $tokens[$at]->is($opens) <=> $tokens[$at]->is($closes);
        if ($depth === 0) {
            break;
        }
    }
    return $at;
}

$release = (string) realpath('/srv/site/current');
$files = array_values(array_filter(
    array_keys(opcache_get_status(true)['scripts']),
    static fn (string $file): bool => str_starts_with($file, "$release/") && declares_only_classes($file)
));
sort($files);
echo json_encode(['release' => $release, 'files' => $files], JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);
