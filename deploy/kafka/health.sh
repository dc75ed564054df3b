#!/usr/bin/env bash
# Healthy when the broker answers an ApiVersions request: its listener, its network threads and its request handlers
# all work. The tools in the image would each start a JVM of their own, every few seconds.
set -eu
exec 3<>"/dev/tcp/127.0.0.1/${1:-9092}"
# int32 length 10 · int16 key 18 (ApiVersions) · int16 version 0 · int32 correlation id 7 · no client id
printf '\0\0\0\x0a\0\x12\0\0\0\0\0\x07\xff\xff' >&3
answer=$(timeout 3 head -c 8 <&3 | od -A n -t x1 | tr -d ' \n')
[ "${answer#????????}" = 00000007 ]
