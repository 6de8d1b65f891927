#!/usr/bin/env bash
# What the two scripts beside this file share: calls to the JSON API, and the steps of one job.
# Needs bash 4.4, curl 7.76 and jq 1.6 or newer. Everything is set by the environment:
#   BASE_URL               where Sourcebatch answers (http://127.0.0.1:8000)
#   SOURCEBATCH_TOKEN      a token of scope operate; without it ~/.curlrc must carry one
#   SLEEP_BETWEEN_PROCESS  seconds between two steps of a job (1)
#   MAX_STEPS              steps of one job in one run (5000: a hundred thousand pages)
#   MAX_WAITS              how often one job's temporary troubles are waited for (5)
#   MAX_WAIT_SECONDS       how long at most each time (60)
#   CALL_SECONDS           how long one call may take (600)

BASE_URL=${BASE_URL:-http://127.0.0.1:8000}
BASE_URL=${BASE_URL%/}
SLEEP_BETWEEN_PROCESS=${SLEEP_BETWEEN_PROCESS:-1}
MAX_STEPS=${MAX_STEPS:-5000}
MAX_WAITS=${MAX_WAITS:-5}
MAX_WAIT_SECONDS=${MAX_WAIT_SECONDS:-60}
CALL_SECONDS=${CALL_SECONDS:-600}

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
ANSWER=$WORK/answer.json
STATUS=000
done_= # whether the job that was pushed last has ended

say() { printf '%s\n' "$*"; }

complain() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
  complain "$*"
  exit 2
}

# The token travels in a file of ours alone: an argument could be read by every user of the machine.
prepare() {
  local tool
  for tool in curl jq; do
    command -v "$tool" >/dev/null || die "$tool is not installed: install it first."
  done
  : >"$WORK/curlrc"
  if [[ -n ${SOURCEBATCH_TOKEN:-} ]]; then
    [[ $SOURCEBATCH_TOKEN =~ ^[A-Za-z0-9_.~+/=-]+$ ]] || die "SOURCEBATCH_TOKEN is no token: make one with create_token."
    printf 'header = "Authorization: Bearer %s"\n' "$SOURCEBATCH_TOKEN" >"$WORK/curlrc"
  fi
}

# api METHOD PATH [BODY_FILE]: one call. The answer is in $ANSWER, its status in $STATUS; false from 400 on.
api() {
  local method=$1 path=$2 body=${3:-}
  local options=(--config "$WORK/curlrc" --silent --show-error --fail-with-body --max-time "$CALL_SECONDS"
    --request "$method" --output "$ANSWER" --dump-header "$WORK/headers" --write-out '%{http_code}')
  [[ -z $body ]] || options+=(--header 'Content-Type: application/json' --data-binary "@$body")
  : >"$ANSWER"
  : >"$WORK/headers"
  STATUS=$(curl "${options[@]}" "$BASE_URL$path" 2>"$WORK/curl.err")
}

# tell FILTER: a value of the last answer, empty where there is none.
tell() { jq -r "($1) // empty" "$ANSWER" 2>/dev/null || true; }

# Why the last call failed, in one line.
why() {
  local sentence
  sentence=$(tell .error)
  if [[ $STATUS == 000 ]]; then
    sentence=$(head -n 1 "$WORK/curl.err")
  fi
  printf '%s' "HTTP $STATUS: ${sentence:-no explanation was given.}"
}

# Seconds to wait before the same call is worth repeating.
retry_after() {
  local seconds
  seconds=$(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]\{1,6\}\).*$/\1/p' "$WORK/headers" | head -n 1)
  seconds=${seconds:-5}
  printf '%s' "$((seconds < MAX_WAIT_SECONDS ? seconds : MAX_WAIT_SECONDS))"
}

# read_step: the last answer's fields in variables, empty where there are none.
read_step() {
  IFS=$'\x1f' read -r done_ status continue_ busy paused waiting phase prepared remaining submitted gemini state words < <(
    jq -r '[.done, .status, .continue, .busy, .paused, .waiting, .phase, .prepared, .remaining, .pages_submitted,
      .gemini_job, .gemini_state, (if .status == "failed" then .error else .message end)]
      | map(. // "" | tostring | gsub("[[:cntrl:]]+"; " ")) | join("\u001f")' "$ANSWER" 2>/dev/null
  ) || true
}

# push_job ID: step after step until the job is at Gemini, has ended or is paused; false, with a line, when it is not.
push_job() {
  local job=$1 step waits=0 pause
  local status continue_ busy paused waiting phase prepared remaining submitted gemini state words
  for ((step = 0; step < MAX_STEPS; step++)); do
    if ! api POST "/api/jobs/$job/process"; then
      if [[ $STATUS != 503 ]] || ((++waits > MAX_WAITS)); then
        complain "job $job: $(why)"
        return 1
      fi
      pause=$(retry_after)
      say "Waiting $pause s: $(why)"
      sleep "$pause"
      continue
    fi
    read_step
    if [[ $done_ != true && $continue_ == true ]]; then
      say "$phase: $prepared prepared, $remaining remaining"
    elif [[ $busy != true ]]; then
      report "$job"
      return
    elif ((++waits > MAX_WAITS)); then
      say "Somebody else is working on this job; left to them."
      return 0
    fi
    sleep "$SLEEP_BETWEEN_PROCESS"
  done
  complain "job $job is not at Gemini after $MAX_STEPS steps: look at it, or raise MAX_STEPS."
  return 1
}

# report JOB: where the job stands, by the variables of read_step; false when that is no good end.
report() {
  if [[ $done_ == true && $status == failed ]]; then
    complain "job $1 failed: $words"
    return 1
  elif [[ $done_ == true ]]; then
    say "COMPLETED: $words"
  elif [[ -n $waiting ]]; then
    complain "job $1 waits: $waiting"
    return 1
  elif [[ $paused == true ]]; then
    say "Paused; nothing is sent until somebody resumes it."
  elif [[ $phase == submitted ]]; then
    say "Submitted $submitted pages to Gemini as $gemini"
  elif [[ -n $state$phase ]]; then
    say "State: ${state:-$phase}"
  else
    complain "job $1: the server's answer makes no sense; is BASE_URL right?"
    return 1
  fi
}
