#!/bin/sh
# A picture over REST with curl and jq:
#
#     sh examples/serving/client.sh flowers "a purple flower" 7 purple.png
set -eu
model=$1 text=$2 seed=$3 out=$4
server=${SERVER:-http://localhost:8501}

answer=$(
    jq -n --arg text "$text" --argjson seed "$seed" \
        '{instances: [{text: $text, seed: $seed, truncation: 1.0}]}' |
        curl --silent --show-error --data @- \
            "$server/v1/models/$model:predict"
)
# The request as a whole may be refused, or the caption alone.
error=$(printf %s "$answer" | jq -r '.error // .predictions[0].error')
if [ -n "$error" ]; then
    echo "$error" >&2
    exit 1
fi
printf %s "$answer" | jq -r '.predictions[0].image_bytes.b64' |
    base64 -d >"$out"
