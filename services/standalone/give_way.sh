#!/bin/sh
# Runs a command that leaves the processor to whoever needs it at the same time: give_way.sh NICENESS COMMAND…
#
# Linux shares the processor between sessions first (autogroups) and between the processes of one session only then, so
# that `nice` alone does nothing for a process with a session of its own. Without privileges a session's share may be
# changed ten times a second on the whole machine, which several workers that start together exceed.
niceness=$1
shift
if [ -w /proc/self/autogroup ]; then
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    { echo "$niceness" > /proc/self/autogroup; } 2>/dev/null && break
    sleep 0.1
  done
fi
exec nice -n "$niceness" "$@"
