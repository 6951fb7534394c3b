#!/bin/sh
# An edited photo over REST with curl and jq:
#
#     sh examples/serving/edit.sh faces face.png "smiling" 1.0 edited.png
set -eu
model=$1 photo=$2 text=$3 strength=$4 out=$5
server=${SERVER:-http://localhost:8501}

# The photo goes through pipes: as an argument it may be too long.
answer=$(
    base64 <"$photo" | tr -d '\n' |
        jq -R -s --arg text "$text" --argjson strength "$strength" \
            '{signature_name: "edit", instances: [
                {image_bytes: {b64: .}, text: $text, strength: $strength}
            ]}' |
        curl --silent --show-error --data @- \
            "$server/v1/models/$model:predict"
)
# The request as a whole may be refused, or the row alone.
error=$(printf %s "$answer" | jq -r '.error // .predictions[0].error')
if [ -n "$error" ]; then
    echo "$error" >&2
    exit 1
fi
rest=$(printf %s "$answer" | jq -r '.predictions[0].rest')
if [ -n "$rest" ]; then
    echo "not understood: $rest" >&2
fi
printf %s "$answer" | jq -r '.predictions[0].image_bytes.b64' |
    base64 -d >"$out"
