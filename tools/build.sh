# SPDX-License-Identifier: Apache-2.0
# Sourced by the commands beside it: build one preset, or the app, and say why it failed.

# build PRESET [TARGET…]: configures once, then builds what changed.
build() {
    local preset=$1 folder=build/$1
    shift
    [ "$preset" = release ] && folder=build
    mkdir -p build/log
    if ! { { [ -f "$folder/build.ninja" ] || cmake --preset "$preset"; } &&
        cmake --build "$folder" --target "${@:-all}"; } >"build/log/build-$preset.log" 2>&1; then
        grep -E 'error|warning|FAILED' "build/log/build-$preset.log" | head -20
        echo "$(basename "$0"): the $preset build failed; all of it: build/log/build-$preset.log" >&2
        return 1
    fi
}

# boards: the names of those that are cross-compiled, one a line.
boards() {
    local file
    for file in boards/*/board.cmake; do
        basename "$(dirname "$file")"
    done | grep -vx native
}

# build_app: the phone app into gateway/app/dist and the county's page into dist-county, when a source is
# newer than they.
build_app() {
    [ -f gateway/app/package.json ] || return 0
    if [ -f gateway/app/dist/index.html ] && [ -f gateway/app/dist-county/index.html ] &&
        [ -z "$(find gateway/app protocols/metric -newer gateway/app/dist/index.html -type f \
            -not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/dist-county/*' -print -quit)" ]; then
        return 0
    fi
    mkdir -p build/log
    if ! npm --prefix gateway/app run build >build/log/build-app.log 2>&1; then
        tail -20 build/log/build-app.log
        echo "$(basename "$0"): the app's build failed; all of it: build/log/build-app.log" >&2
        return 1
    fi
}
