#!/usr/bin/env bash
# usage: vqa_resume.sh VQA
set -eu
. "$(dirname "$0")/resume.sh"
same_after_kills "vqa" "$1" train --data scenes --limit 96 --validation 16 --units 16 --embedding 8 --heads 2 --picture 32 \
    --batch 8 --epochs 3 --dropout 0.2 --questions 4 --save-every 2 --quiet
