#!/usr/bin/env bash
# Builds, installs, shows, tests and removes cpeek on Debian and Ubuntu. `./install.sh --help` says how.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
	cat <<'TEXT'
./install.sh [OPTIONS]    build cpeek and install it; needs Debian or Ubuntu for the packages, Linux for the rest

  --prefix DIR   install there (default: /usr/local as root, ~/.local otherwise)
  --gdbinit      load the py-… commands whenever gdb starts: one line in your gdb init file
  --lldbinit     the same for lldb
  --no-deps      install no packages
  --demo         install, then show the stacks of a core file that comes with cpeek
  --test         build and run every test instead of installing; ends with "N passed, N failed, N skipped"
  --uninstall    remove what was installed under the prefix, and the lines in the init files
  --help         this text
TEXT
}

main() {
	local action=install
	with_packages=yes gdbinit=no lldbinit=no prefix=$HOME/.local
	[ "$(id -u)" -ne 0 ] || prefix=/usr/local
	while [ $# -gt 0 ]; do
		case $1 in
		--prefix=*) prefix=${1#*=} ;;
		--prefix) [ $# -gt 1 ] || fail "--prefix needs a folder"; prefix=$2; shift ;;
		--gdbinit) gdbinit=yes ;;
		--lldbinit) lldbinit=yes ;;
		--no-deps) with_packages=no ;;
		--demo | --test | --uninstall) action=${1#--} ;;
		-h | --help) usage; exit 0 ;;
		*) usage >&2; fail "unknown option: $1" 2 ;;
		esac
		shift
	done
	[ -n "$prefix" ] || fail "--prefix needs a folder"
	prefix=$(realpath -ms -- "$prefix")
	share=$prefix/share/cpeek
	manifest=$share/manifest
	"do_$action"
}

fail() {
	printf 'install.sh: %s\n' "$1" >&2
	exit "${2:-1}"
}

say() {
	printf '== %s\n' "$*"
}

# ---- Packages ----

build_packages=(gcc libc6-dev meson ninja-build pkg-config libelf-dev libdw-dev zlib1g-dev liblzma-dev libzstd-dev liblz4-dev libgmp-dev)
demo_packages=(xz-utils)
test_packages=(xz-utils zstd lz4 binutils gdb gdbserver python3 python3-pytest python3-hypothesis python3-numpy)

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo -- "$@"
	else
		return 1
	fi
}

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Installs what is missing of the packages named.
need() {
	[ $with_packages = yes ] || return 0
	command -v apt-get >/dev/null || fail "no apt-get here: install ${*} by other means and pass --no-deps"
	local package missing=()
	for package in "$@"; do
		is_installed "$package" || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
		fail "neither root nor sudo is here; as root: apt-get install ${missing[*]}"
	say "installing packages: ${missing[*]}"
	local output
	output=$(as_root apt-get update -qq 2>&1) || fail "apt-get update failed; --no-deps goes on without it: $output"
	output=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		"${missing[@]}" 2>&1) || fail "apt-get could not install ${missing[*]}: $(tail -n 5 <<<"$output")"
}

# A tool by its name ("lldb"), or the newest that has its version in it ("lldb-14"); nothing when there is none.
find_tool() {
	command -v "$1" || compgen -c "$1-" | grep -x "$1-[0-9]*" | sort -V | tail -n 1 || true
}

lldb_version() {
	"$1" --version 2>/dev/null | sed -n 's/^lldb version \([0-9]*\).*/\1/p'
}

llvm_packages() {
	local tool
	for tool in clang clang-format; do
		[ -n "$(find_tool $tool)" ] || echo $tool
	done
	lldb_packages
}

# A browser that draws a page is a package of Debian's; Ubuntu's is a snap, which works in no container.
browser_packages() {
	# shellcheck source=/dev/null
	[ -n "$(find_tool chromium)" ] || [ "$(. /etc/os-release && echo "$ID")" != debian ] || echo chromium
}

# An lldb that is here needs the Python module of its own version, which is a package of its own.
lldb_packages() {
	local lldb version
	lldb=$(find_tool lldb)
	if [ -z "$lldb" ]; then
		echo lldb python3-lldb
		return
	fi
	version=$(lldb_version "$lldb")
	[ -z "$(apt-cache search --names-only "^python3-lldb-$version\$")" ] || echo "python3-lldb-$version"
}

# ---- Build and install ----

# build FOLDER TARGETS MESON-OPTIONS…: configures the folder, or does so again, and compiles.
build() {
	local folder=$1 targets=$2 again=()
	shift 2
	[ ! -e "$folder/build.ninja" ] || again=(--reconfigure)
	mkdir -p "$folder"
	meson setup "${again[@]}" "$@" "$folder" >"$folder/setup.log" 2>&1 || {
		tail -n 20 "$folder/setup.log" >&2
		return 1
	}
	# shellcheck disable=SC2086 # names, one a word
	ninja -C "$folder" $targets >"$folder/compile.log" 2>&1 || {
		grep -A 20 -m 1 '^FAILED' "$folder/compile.log" >&2 || tail -n 20 "$folder/compile.log" >&2
		return 1
	}
}

check_tools() {
	local tool
	for tool in cc meson ninja pkg-config; do
		command -v "$tool" >/dev/null || fail "$tool is not there: run without --no-deps, or install ${build_packages[*]}"
	done
	local library
	for library in libelf libdw zlib liblzma libzstd liblz4; do
		pkg-config --exists $library || fail "the headers of $library are not there: run without --no-deps, or install \
${build_packages[*]}"
	done
	# Older releases have no gmp.pc.
	echo '#include <gmp.h>' | cc -E - >/dev/null 2>&1 ||
		fail "the headers of GMP are not there: run without --no-deps, or install ${build_packages[*]}"
}

do_install() {
	need "${build_packages[@]}"
	check_tools
	say "building"
	build build all --prefix "$prefix" --libdir lib || fail "the build failed: see build/setup.log and build/compile.log"
	say "installing under $prefix"
	remove_files
	meson install -C build --no-rebuild --quiet || fail "cannot install under $prefix: pass another --prefix, or be root"
	write_manifest
	[ "$(id -u)" -ne 0 ] || ldconfig
	[ $gdbinit = no ] || add_gdbinit
	[ $lldbinit = no ] || add_lldbinit
	"$prefix/bin/cpeek" --version
	[[ :$PATH: == *:"$prefix/bin":* ]] || say "$prefix/bin is not in PATH: add it, or run $prefix/bin/cpeek"
	say "to undo: ./install.sh --uninstall --prefix $prefix"
}

# What was installed, this time or before, each folder below what is in it.
write_manifest() {
	{
		grep -v '^#' build/meson-logs/install-log.txt
		cat "$manifest" 2>/dev/null || true
	} | LC_ALL=C sort -ru >"$manifest.new"
	mv "$manifest.new" "$manifest"
}

remove_files() {
	[ -e "$manifest" ] || return 0
	local path
	while IFS= read -r path; do
		if [ -L "$path" ] || [ ! -d "$path" ]; then
			rm -f -- "$path"
		fi
	done <"$manifest"
	find "$share" -name __pycache__ -prune -exec rm -rf {} +
}

do_uninstall() {
	[ -e "$manifest" ] || fail "nothing is installed under $prefix (no $manifest): pass the --prefix it went to"
	remove_line "$(gdbinit_file)"
	remove_line "$HOME/.lldbinit"
	unlink_lldb_module
	remove_files
	local folders folder
	mapfile -t folders <"$manifest"
	rm -f -- "$manifest"
	for folder in "${folders[@]}"; do
		rmdir -- "$folder" 2>/dev/null || true # fails where somebody else's files are
	done
	say "removed from $prefix (packages that apt installed stay)"
}

# ---- The debuggers' init files ----

marker="# cpeek: this and the next line were added by its install.sh, and --uninstall takes them out"

# gdb reads the first of these that exists.
gdbinit_file() {
	local file=${XDG_CONFIG_HOME:-$HOME/.config}/gdb/gdbinit
	[ -e "$file" ] || file=$HOME/.gdbinit
	echo "$file"
}

add_gdbinit() {
	add_line "$(gdbinit_file)" "source $share/gdb/cpeek_gdb.py"
}

add_lldbinit() {
	add_line "$HOME/.lldbinit" "command script import \"$share/lldb/cpeek_lldb.py\""
	link_lldb_module
}

# add_line FILE LINE
add_line() {
	remove_line "$1"
	[ ! -s "$1" ] || [ -z "$(tail -c 1 "$1")" ] || echo >>"$1"
	printf '%s\n%s\n' "$marker" "$2" >>"$1"
	say "added to $1: $2"
}

remove_line() {
	grep -qxF "$marker" "$1" 2>/dev/null || return 0
	local rest
	rest=$(awk -v marker="$marker" '$0 == marker { skip = 2 } skip-- <= 0' "$1")
	if [ -n "$rest" ]; then
		printf '%s\n' "$rest" >"$1" # keeps the file itself, which may be a link
	else
		rm -f -- "$1"
	fi
	say "took cpeek's line out of $1"
}

lldb_runs_python() {
	"$1" --no-lldbinit --batch -o 'script print(lldb.SBDebugger)' 2>&1 | grep "^<class 'lldb.SBDebugger'>" >/dev/null
}

# Debian's and Ubuntu's lldb-14 looks for its own Python module in a folder that no package has. A link there mends it.
link_lldb_module() {
	local lldb wanted version module
	lldb=$(find_tool lldb)
	[ -n "$lldb" ] || { say "there is no lldb yet: apt-get install lldb python3-lldb"; return; }
	! lldb_runs_python "$lldb" || return 0
	wanted=$("$lldb" --python-path 2>/dev/null)/lldb
	version=$(lldb_version "$lldb")
	module=$(compgen -G "/usr/lib/llvm-$version/lib/python3*/dist-packages/lldb/__init__.py" | head -n 1 || true)
	[ -n "$module" ] || { say "$lldb has no Python module: apt-get install python3-lldb-$version"; return; }
	module=${module%/__init__.py}
	say "$lldb looks for its Python module in $wanted, where nothing is: linking it to $module"
	if as_root mkdir -p "${wanted%/*}" && as_root ln -sT "$module" "$wanted" && lldb_runs_python "$lldb"; then
		echo "$wanted" >"$share/lldb-link"
	else
		say "that did not help: set PYTHONPATH=${module%/*} before you start $lldb"
	fi
}

unlink_lldb_module() {
	[ -e "$share/lldb-link" ] || return 0
	local link
	link=$(cat "$share/lldb-link")
	[ ! -L "$link" ] || as_root rm -f -- "$link"
	as_root rmdir -p --ignore-fail-on-non-empty -- "${link%/*}"
	rm -f -- "$share/lldb-link"
}

# ---- The demo ----

do_demo() {
	need "${build_packages[@]}" "${demo_packages[@]}"
	do_install
	local folder
	folder=$(mktemp -d)
	# shellcheck disable=SC2064 # the folder's name is known now
	trap "rm -rf '$folder'" EXIT
	say "a core file of fixtures/demo/shop.py, which ended in abort(); root: what the core lacks of Python's own file"
	xz -dc fixtures/demo/core.xz >"$folder/core"
	mkdir "$folder/root"
	xz -dc fixtures/demo/root.tar.xz | tar -x --no-same-owner -C "$folder/root"
	cd "$folder"
	show --sysroot root core info
	show --sysroot root core bt --all --locals
}

# show ARGS…: runs cpeek, after its command line.
show() {
	printf '\n$ cpeek %s\n' "$*"
	"$prefix/bin/cpeek" "$@" || fail "cpeek ended with $?"
}

# ---- The tests ----

passed=0 failed=0 skipped=0
failures=() # by name: whoever reads only the end of the output wants to know

# tally SUITE PASSED FAILED SKIPPED [NAMES OF WHAT FAILED, a line each]
tally() {
	local name
	say "$1: $2 passed, $3 failed, $4 skipped"
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
	[ "$3" -eq 0 ] || while IFS= read -r name; do failures+=("failed: $1${name:+: $name}"); done <<<"${5:-}"
}

# tally_file NAME JUNIT-FILE: a suite that wrote none has failed.
tally_file() {
	local counts
	if counts=$(/usr/bin/python3 tests/count.py "$2"); then
		# shellcheck disable=SC2046 # three numbers
		tally "$1" $(head -n 1 <<<"$counts") "$(tail -n +2 <<<"$counts")"
	else
		tally "$1" 0 1 0
	fi
}

# The C tests of one build: build_and_test NAME FOLDER MESON-OPTIONS…
build_and_test() {
	local name=$1 folder=$2
	shift 2
	say "$name"
	if ! build "$folder" "all tests/fault" --libdir lib -Dwerror=true "$@"; then
		tally "$name: build" 0 1 0
		return
	fi
	rm -f "$folder/meson-logs/testlog.junit.xml"
	meson test -C "$folder" --print-errorlogs || true # compiles them first
	tally_file "$name" "$folder/meson-logs/testlog.junit.xml"
}

# run_pytest NAME BUILD-FOLDER FOLDERS…: the suites that run the command line, the debuggers and the interpreters.
run_pytest() {
	local name=$1 folder=$PWD/$2 results=$PWD/$2/pytest-$1.xml status=0
	shift 2
	say "$name"
	rm -f "$results"
	CPEEK_BUILD=$folder /usr/bin/python3 -m pytest -q -ra -p no:cacheprovider --junitxml="$results" "$@" || status=$?
	tally_file "$name" "$results"
	[ $status -le 1 ] || tally "$name: pytest ended with $status" 0 1 0
}

# Each version of clang-format has ideas of its own: the tree is as 14 writes it.
check_format() {
	local clang_format file bad=0
	clang_format=$(find_tool clang-format)
	if [ -z "$clang_format" ] || [[ $("$clang_format" --version) != *" version 14."* ]]; then
		tally "clang-format: ${clang_format:-it} is not version 14" 0 0 1
		return
	fi
	while IFS= read -r file; do
		"$clang_format" "$file" | cmp -s - "$file" && continue
		echo "not as clang-format writes it: $file"
		bad=1
	done < <(find include lib plugin tests -name '*.[ch]')
	tally clang-format $((1 - bad)) $bad 0
}

check_transcripts() {
	local stale=0
	/usr/bin/python3 docs/transcripts --check build/plugin/cpeek || stale=1
	tally "transcripts in the documents" $((1 - stale)) $stale 0
}

do_test() {
	# shellcheck disable=SC2046 # names, one a word
	need "${build_packages[@]}" "${test_packages[@]}" $(llvm_packages) $(browser_packages)
	check_tools
	build_and_test gcc build
	CC=$(find_tool clang) build_and_test clang build-clang
	build_and_test sanitizers build-sanitize -Db_sanitize=address,undefined -Db_lundef=false
	check_format
	check_transcripts
	run_pytest pytest build tests
	run_pytest pytest-sanitized build-sanitize tests/truth tests/fault tests/front/test_cli.py
	[ $failed -eq 0 ] || printf '%s\n' "${failures[@]}"
	echo "$passed passed, $failed failed, $skipped skipped"
	[ $failed -eq 0 ]
}

main "$@"
