# SPDX-License-Identifier: GPL-2.0-or-later
#
# The things a newcomer does with D-MORE; meson (the programs), image/build (Domain R) and
# tools/check (the tests) do the work.
#
#   make            the host's programs and Domain R's image, in build/
#   make demo       a console that survives two moves; KEEP=1 leaves it running
#   make check      every test; the last line is 'N passed, N failed'
#   make faults     every fault in every phase, on real VMs; ONLY=pattern, LIST=1, JOBS=2; doc/reliability.md
#   make bench      D-MORE beside stock QEMU, doc/performance.md; ONLY=NAME for one measure
#   make model      the co-migration, checked exhaustively; doc/model.md
#   make soak       N=100 moves there and back, and whether anything wears out
#   make fuzz       hostile input, T=60 seconds for each harness; doc/reliability.md
#   make lint       format and static analysis, and that alone
#   make packages   what they need of Debian, as root; all but make and make install see to it themselves
#   make install    PREFIX=/usr/local, DESTDIR=
#   make clean      removes build/; the root kept for the image stays in the user's cache

BUILD = build
PREFIX = /usr/local
DESTDIR =
KEEP =
ONLY =
LIST =
JOBS =
N = 100
T = 60

all: programs image

programs: $(BUILD)/build.ninja
	@tools/step $(BUILD)/log/programs.log "programs compiled" ninja -C $(BUILD)

image:
	@image/build $(BUILD)/image

$(BUILD)/build.ninja:
	@tools/step $(BUILD)/log/setup.log "build directory set up" meson setup $(BUILD) --prefix=$(PREFIX)

packages:
	@tools/step $(BUILD)/log/packages.log "packages installed" \
		tools/install-packages build image run test lint

demo: packages
	@$(MAKE) --no-print-directory all
	@DMORE_BUILD=$(abspath $(BUILD)) DMORE_IMAGE=$(abspath $(BUILD)/image) \
		DMORE_GUEST=$(abspath $(BUILD)/guest) KEEP=$(KEEP) tests/lab/demo

check: packages
	@tools/check $(BUILD)

soak: packages
	@$(MAKE) --no-print-directory all
	@DMORE_BUILD=$(abspath $(BUILD)) DMORE_IMAGE=$(abspath $(BUILD)/image) \
		DMORE_GUEST=$(abspath $(BUILD)/guest) tests/soak/soak $(N)

lint: packages
	@$(MAKE) --no-print-directory programs
	tools/lint format
	tools/lint analysis $(BUILD)
	tools/lint scripts

# Where the programs look for each other is compiled in, so another PREFIX is another build.
install: programs image
	@tools/step $(BUILD)/log/setup.log "prefix set to $(PREFIX)" meson configure $(BUILD) --prefix=$(PREFIX)
	@$(MAKE) --no-print-directory programs
	meson install -C $(BUILD) --no-rebuild $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))
	install -d $(DESTDIR)$(PREFIX)/share/dmore/image
	install -m 644 $(BUILD)/image/vmlinuz $(BUILD)/image/initrd $(BUILD)/image/image.json \
		$(DESTDIR)$(PREFIX)/share/dmore/image

# By the environment, for a pattern may hold what a shell takes for its own.
faults: export ONLY := $(ONLY)
faults: export JOBS := $(JOBS)
faults: packages
	@$(if $(LIST),,$(MAKE) --no-print-directory all)
	@DMORE_BUILD=$(abspath $(BUILD)) DMORE_IMAGE=$(abspath $(BUILD)/image) \
		DMORE_GUEST=$(abspath $(BUILD)/guest) tests/faults/run $(if $(LIST),--list)

bench: packages
	@tools/step $(BUILD)/log/bench-packages.log "packages for the benchmarks installed" tools/install-packages bench
	@$(MAKE) --no-print-directory all
	@DMORE_BUILD=$(abspath $(BUILD)) bench/run $(ONLY)

model: packages
	@model/run

fuzz: packages
	@tools/step $(BUILD)/log/packages-fuzz.log "packages installed" tools/install-packages fuzz
	@tests/fuzz/run $(BUILD)/fuzz $(T)

clean:
	rm -rf $(BUILD)

.PHONY: all programs image packages demo check soak lint install faults bench model fuzz clean
