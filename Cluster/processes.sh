# shellcheck shell=bash disable=SC2154
# Starting and stopping the processes of a cluster on this machine; read by local-cluster and hosts-lab.
#
# A process is known by a name. Its folder, $dir/NAME, holds its data, `log`, and `pid`: the process id with the time that
# it started, so that an id which the system has given to somebody else is never signalled.

die() { printf '%s: error: %s\n' "$program" "$1" >&2; [ $# -lt 2 ] || printf '  hint: %s\n' "$2" >&2; exit "${3:-64}"; }
say() { printf '%s: %s\n' "$program" "$*"; }

# The folder of the executables: $THUMBPRINT_BIN, else the release build, else where the PATH has them.
find_executables() {
  local root
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  if [ -n "${THUMBPRINT_BIN:-}" ]; then bin=$THUMBPRINT_BIN
  elif [ -x "$root/.build/release/thumbprint-shard" ]; then bin=$root/.build/release
  elif command -v thumbprint-shard >/dev/null; then bin=$(dirname "$(command -v thumbprint-shard)")
  else die "thumbprint-shard is not built" "swift build -c release, or name the folder of the executables in THUMBPRINT_BIN" 69
  fi
  local name
  for name in thumbprint-coordinator thumbprint-shard; do
    [ -x "$bin/$name" ] || die "$bin has no $name" "swift build -c release" 69
  done
}

# When a process started, in ticks since boot: the 22nd field of its stat, the 2nd of which may hold spaces.
started_at() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  stat=${stat##*) }
  # shellcheck disable=SC2086
  set -- $stat
  [ "$1" != Z ] || return 1
  printf '%s\n' "${20}"
}

# Prints the id of a process that runs.
running() {
  local id start
  read -r id start 2>/dev/null <"$dir/$1/pid" || return 1
  [ "$(started_at "$id")" = "$start" ] || return 1
  printf '%s\n' "$id"
}

# start NAME COMMAND...: starts a process of its own session, unless it runs.
start() {
  local name=$1 id; shift
  if id=$(running "$name"); then say "$name runs already, process $id"; return; fi
  mkdir -p "$dir/$name"
  (
    # What else the caller has open stays his: one who waits for its end would wait for that of the process.
    for descriptor in /proc/self/fd/*; do
      descriptor=${descriptor##*/}
      if [ "$descriptor" -gt 2 ]; then eval "exec $descriptor>&-"; fi
    done 2>/dev/null
    exec setsid "$@" >>"$dir/$name/log" 2>&1 </dev/null
  ) &
  id=$!
  printf '%s %s\n' "$id" "$(started_at "$id")" >"$dir/$name/pid"
}

# stop NAME [SIGNAL]: ends a process and waits for it; 20 s after a request to end it is killed.
stop() {
  local id signal=${2:-TERM} waited=0
  id=$(running "$1") || { say "$1 does not run"; return; }
  kill -s "$signal" "$id"
  while running "$1" >/dev/null; do
    sleep 0.1
    waited=$((waited + 1))
    if [ $waited -eq 200 ]; then say "$1 did not end within 20 s; killing it"; kill -s KILL "$id"; fi
  done
  rm -f "$dir/$1/pid"
  say "$1 ended"
}

# answers HOST PORT [PREFIX...]: whether anything listens there. PREFIX runs the question elsewhere.
answers() {
  local host=$1 port=$2; shift 2
  # shellcheck disable=SC2016
  "$@" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$host" "$port" 2>/dev/null
}

# wait_until_ready NAME HOST PORT [PREFIX...]: waits until a process listens.
wait_until_ready() {
  local name=$1 host=$2 port=$3; shift 3
  for _ in $(seq 150); do
    running "$name" >/dev/null ||
      die "$name ended: $(tail -n 1 "$dir/$name/log")" "its whole log is $dir/$name/log" 69
    if answers "$host" "$port" "$@"; then return; fi
    sleep 0.2
  done
  die "$name does not listen after 30 s" "see $dir/$name/log" 69
}

# at_least WORKERS KEPT: workers may be added. One that is left out would go on, and nothing would end it.
at_least() {
  [ "$1" -ge "$2" ] || die "the cluster in $dir has $2 workers, and --workers $1 is fewer" \
    "end one of them with: Cluster/$program stop worker-$2"
}

# The workers that have a folder, whatever the settings say, and the last first.
workers_there() {
  local each
  for each in "$dir"/worker-*; do
    if [ -d "$each" ]; then basename "$each"; fi
  done | sort -t - -k 2 -n -r
}

# A folder that one of the scripts made, or a new one: nothing else is ever written to or removed.
claim() {
  [ ! -e "$dir" ] || [ -e "$dir/.$program" ] || die "$dir is there already, and $program did not make it" "choose another folder with --dir"
  mkdir -p "$dir"
  touch "$dir/.$program"
  dir=$(cd "$dir" && pwd)
}
