#!/usr/bin/env bash
# process-all-batches.sh: create and submit a batch job for every book that needs a transcription or a translation.
# The environment tells where and who: see api.sh. SLEEP_BETWEEN_JOBS: seconds between two books (2).
# Exit: 0 all is at Gemini or done, 1 some books failed (each has its line), 2 nothing could be done at all.
set -euo pipefail

# shellcheck source=scripts/api.sh
source "$(dirname "${BASH_SOURCE[0]}")/api.sh"
SLEEP_BETWEEN_JOBS=${SLEEP_BETWEEN_JOBS:-2}

# Which of a book's pages the server is asked for; it decides again, and says which it leaves out and why.
OCR_PAGES='select(.ocr == null)'
TRANSLATION_PAGES='select(.ocr != null and .translation == null)'

jobs=0 idle=0 failed=0

# process_book TYPE PAGES BOOK_ID
process_book() {
  local type=$1 pages=$2 book=$3 count job message
  if ! api GET "/api/books/$book?text=false"; then
    complain "book $book: $(why)"
    return 1
  fi
  say ""
  say "=== $(tell '.title | gsub("[[:cntrl:]]+"; " ") | .[0:40]') ==="
  # Titles and page ids go from file to file: no quoting can break them and no number of them is too long.
  jq --arg type "$type" \
    "{type: \$type, book_id: .id, book_title: .title, language, page_ids: [.pages[] | $pages | .id]}" \
    "$ANSWER" >"$WORK/job.json" 2>/dev/null || {
    complain "book $book: the answer is no book: is BASE_URL right?"
    return 1
  }
  count=$(jq '.page_ids | length' "$WORK/job.json")
  if ((count == 0)); then
    idle=$((idle + 1))
    return
  fi
  say "Creating a $type job for $count pages..."
  if ! api POST /api/jobs "$WORK/job.json"; then
    if [[ $STATUS == 409 ]]; then
      say "Nothing to do: $(tell .error)"
      idle=$((idle + 1))
      return
    fi
    complain "book $book: $(why)"
    return 1
  fi
  IFS=$'\x1f' read -r job message < <(jq -r '[.job.id, .message] | join("\u001f")' "$ANSWER" 2>/dev/null) || true
  if [[ -z $job ]]; then
    complain "book $book: the server named no job; is BASE_URL right?"
    return 1
  fi
  say "Job $job: $message"
  push_job "$job" || return 1
  jobs=$((jobs + 1))
}

# process_all TYPE NEED PAGES: every book that needs it.
process_all() {
  local type=$1 need=$2 pages=$3 book
  api GET "/api/books?needs=$need" || die "the books could not be listed: $(why)"
  jq -r '.[].id' "$ANSWER" >"$WORK/books.txt" 2>/dev/null || die "the answer is no list of books: is BASE_URL right?"
  while IFS= read -r book <&3; do
    process_book "$type" "$pages" "$book" || failed=$((failed + 1))
    sleep "$SLEEP_BETWEEN_JOBS"
  done 3<"$WORK/books.txt"
}

prepare
process_all batch_ocr ocr "$OCR_PAGES"
process_all batch_translate translation "$TRANSLATION_PAGES"

say ""
say "$jobs jobs submitted, $idle books with nothing to do, $failed failed. Check them with:"
say "curl '$BASE_URL/api/jobs?status=processing'"
if ((failed > 0)); then
  complain "$failed of the books failed; their lines above say why."
  exit 1
fi
