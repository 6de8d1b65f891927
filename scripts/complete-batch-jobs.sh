#!/usr/bin/env bash
# complete-batch-jobs.sh: look at every job that is at Gemini and save the results of those that are ready.
# The environment tells where and who: see api.sh.
# Exit: 0 all well, 1 some jobs failed (each has its line), 2 nothing could be done at all.
set -euo pipefail

# shellcheck source=scripts/api.sh
source "$(dirname "${BASH_SOURCE[0]}")/api.sh"

completed=0 open=0 failed=0

# complete_job ID TITLE GEMINI_JOB
complete_job() {
  say ""
  say "=== $2 ($1) ==="
  say "Gemini: $3"
  if ! push_job "$1"; then
    failed=$((failed + 1))
  elif [[ $done_ == true ]]; then
    completed=$((completed + 1))
  else
    open=$((open + 1))
  fi
}

prepare
say "Checking the jobs that are at Gemini..."
api GET "/api/jobs?status=processing" || die "the jobs could not be listed: $(why)"
# One line a job, its fields parted by U+001F; control characters of a title, line breaks too, become spaces.
jq -r '.jobs[] | select(.gemini_batch_job != null)
  | [.id, (.book_title | gsub("[[:cntrl:]]+"; " ") | .[0:30]), .gemini_batch_job] | join("\u001f")' \
  "$ANSWER" >"$WORK/jobs.txt" 2>/dev/null || die "the answer is no list of jobs: is BASE_URL right?"

while IFS=$'\x1f' read -r job title gemini_job <&3; do
  complete_job "$job" "$title" "$gemini_job"
done 3<"$WORK/jobs.txt"

say ""
say "$completed jobs completed, $open still at Gemini, $failed failed."
if ((failed > 0)); then
  complain "$failed of the jobs failed; their lines above say why."
  exit 1
fi
