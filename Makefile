# SPDX-License-Identifier: MIT
#
#   make            build the three programs         make bench    run the benchmarks
#   make test       unit tests (seconds)             make asan     check, with sanitizers
#   make check      lint, unit and end-to-end tests  make torture  test, each allocation failing
#   make lint       formatting, analysis, budgets    make fuzz     fuzz for FUZZ_SECONDS each
#   make plots      figures of the newest results    make publish  images to REGISTRY
#   make check-long check, every sweep, all mutants
#   make peers      bring the real tools (tests)     make coverage what the unit tests reach
#   make install    to $(DESTDIR)$(PREFIX)           make clean    remove build/
#
#   V=1 show commands    B=dir build elsewhere    CC= CFLAGS= CPPFLAGS= LDFLAGS= as usual
#
# One makefile, one dependency graph.  A file's name says what it is:
#   ref/format/*/  a format    *_test.c  a unit test      *_fuzz.c  a fuzz target
#   ref/cmd/lazypull.c, bench/lazybench.c, conformance/lazyconf.c  the three main()s

B       ?= build
PREFIX  ?= /usr/local
CFLAGS  ?= -O2 -g
FUZZ_SECONDS ?= 60

MAKEFLAGS += -r
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

# What the project needs, before what the user asks for, so that the user wins.
STD  := -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Iref -Ibench -Iconformance -I$(B) \
        -isystem /usr/include/fuse3
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
        -Werror -Wformat=2 -Wcast-qual -Wpointer-arith -Wwrite-strings -Wimplicit-fallthrough
LIBS := -lfuse3 -lcurl -lmicrohttpd -ljansson -lssl -lcrypto -ldeflate -lisal -lzstd -llz4 -lz -lseccomp \
        -lpthread -lm

Q   := $(if $(filter 1,$(V)),,@)
say  = $(if $(Q),@printf '  %-5s %s\n' $(1) $(2))

#### what there is

SRC     := $(sort $(foreach d,ref bench conformance,$(wildcard $(d)/*.c $(d)/*/*.c $(d)/*/*/*.c)))
TESTS   := $(filter %_test.c,$(SRC))
FUZZERS := $(filter %_fuzz.c,$(SRC))
MAINS   := ref/cmd/lazypull.c bench/lazybench.c conformance/lazyconf.c
HARNESS := $(filter ref/testing/%,$(SRC))
E2E     := $(sort $(dir $(wildcard ref/testing/test_*.py bench/testing/test_*.py corpora/test_*.py \
            conformance/selftest/test_*.py conformance/adapters/test_*.py)))
part     = $(filter $(1)/%,$(filter-out $(MAINS) $(HARNESS) $(TESTS) $(FUZZERS),$(SRC)))
CLAUSES := $(sort $(wildcard conformance/clauses/*.json))
FORMATS := $(sort $(notdir $(patsubst %/,%,$(dir $(wildcard ref/format/*/*.c)))))

obj      = $(patsubst %.c,$(B)/%.o,$(1))
PROGS   := $(B)/lazypull $(B)/lazybench $(B)/lazyconf
RUNTESTS := $(TESTS:%.c=$(B)/%)
REPLAYS := $(FUZZERS:%.c=$(B)/%)

all: $(PROGS)

#### generated: rewritten only when the content changes

define stamp
	@mkdir -p $(@D)
	@printf '%s\n' '$(1)' | cmp -s - $@ || printf '%s\n' '$(1)' >$@
endef

.PHONY: FORCE
$(B)/formats.inc: FORCE ; $(call stamp,$(foreach f,$(FORMATS),FORMAT($f)))
$(B)/sources:     FORCE ; $(call stamp,$(SRC))
$(B)/settings:    FORCE ; $(call stamp,$(CC) $(STD) $(WARN) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(LIBS))

#### compile and link

$(B)/%.o: %.c $(B)/settings
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(STD) $(WARN) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/ref/format/format.o: $(B)/formats.inc
$(B)/ref/base/rule.o: $(B)/rules.inc

$(B)/ref/format/policy.o: $(B)/policies.inc

$(B)/rules.inc: $(CLAUSES) scripts/rules.sh
	@mkdir -p $(@D)
	$(Q)scripts/rules.sh $(filter-out %/policies.json,$(CLAUSES)) >$@
$(B)/policies.inc: conformance/clauses/policies.json
	@mkdir -p $(@D)
	$(Q)sed -n 's/.*"id": \("[^"]*"\), "default": \("[^"]*"\).*/POLICY(\1, \2)/p' $< >$@

$(B)/libref.a: $(call obj,$(call part,ref)) $(B)/sources
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

$(B)/libbench.a: $(call obj,$(call part,bench)) $(B)/sources
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

$(B)/libconf.a: $(call obj,$(filter conformance/gen/% conformance/run/%,$(call part,conformance))) $(B)/sources
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

define link
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(WRAP) -Wl,--as-needed -o $@ $(filter %.o %.a,$^) $(LIBS)
endef
# testing/steps.h: what a crash may come between.
$(B)/ref/layer/crash_test: WRAP := -Wl,--wrap=write,--wrap=pwrite64,--wrap=fdatasync,--wrap=fsync \
        -Wl,--wrap=rename,--wrap=renameat,--wrap=renameat2,--wrap=ftruncate64,--wrap=linkat \
        -Wl,--wrap=mkdirat,--wrap=unlinkat

$(B)/lazypull:  $(B)/ref/cmd/lazypull.o $(B)/libref.a ; $(link)
$(B)/lazybench: $(B)/bench/lazybench.o $(B)/libbench.a $(B)/libref.a ; $(link)
# The suite shares no code with what it judges, base/ aside, and its generator none with anything.
$(B)/lazyconf:  $(B)/conformance/lazyconf.o $(B)/libconf.a $(call obj,$(call part,ref/base)) ; $(link)
$(B)/lazyconf-static: private LIBS := -static -Wl,--no-warnings -ljansson -lssl -lcrypto -lz
$(B)/lazyconf-static: $(B)/conformance/lazyconf.o $(B)/libconf.a $(call obj,$(call part,ref/base)) ; $(link)
$(filter $(B)/ref/%,$(RUNTESTS)): %: %.o $(TORTURE) $(B)/libref.a ; $(link)
$(filter $(B)/bench/%,$(RUNTESTS)): %: %.o $(TORTURE) $(B)/libbench.a $(B)/libref.a ; $(link)
$(filter $(B)/conformance/%,$(RUNTESTS)): %: %.o $(TORTURE) $(B)/libconf.a $(B)/libref.a ; $(link)
$(filter $(B)/ref/%,$(REPLAYS)): %: %.o $(B)/ref/testing/replay.o $(B)/libref.a ; $(link)
$(filter $(B)/conformance/%,$(REPLAYS)): %: %.o $(B)/ref/testing/replay.o $(B)/libconf.a $(B)/libref.a ; $(link)

-include $(patsubst %.c,$(B)/%.d,$(SRC))

#### run

.PHONY: all test check peers bench asan torture fuzz coverage lint install uninstall clean help

test: $(RUNTESTS)
	$(Q)scripts/run-tests.sh $^

# Ends with the sums on a line of their own: "N passed, N failed, N skipped".
check: setup-check
	$(Q)$(MAKE) --no-print-directory check-run

.PHONY: setup-check check-run e2e
setup-check:
	$(Q)scripts/setup.sh check

check-run: lint $(PROGS) $(REPLAYS) $(RUNTESTS)
	$(Q)for f in $(REPLAYS); do $$f $$(find corpora/fuzz -name '*.input') || exit 1; done
	$(Q)scripts/check-symbols.sh $(B)/libref.a
	$(Q)scripts/run-tests.sh $(RUNTESTS) >$(B)/unit.log 2>&1 || :
	$(Q)$(MAKE) --no-print-directory proof-sample
	$(Q)python3 corpora/make.py hello small-files
	$(Q)python3 corpora/make.py python || [ $$? -eq 3 ] # no packages: its tests are skipped
	$(Q)BUILD=$(abspath $(B)) scripts/run-pytest.sh $(B)/e2e.xml $(E2E) >$(B)/e2e.log 2>&1
	$(Q)$(B)/lazyconf gen --check >$(B)/gen.log || { cat $(B)/gen.log; exit 1; }
	$(Q)$(B)/lazyconf run --gate=conformance/gates/lazypull.lock >$(B)/vectors.log 2>&1 || :
	$(Q)scripts/sum.sh $(B)/unit.log $(B)/e2e.log $(B)/vectors.log

# Do readers look at every byte, and does the suite notice when they make a mistake?  A sample:
# bases whose bytes were all looked at (conformance/gates/lazypull.uncovered), five mistakes.
.PHONY: check-long proof proof-sample
proof-sample: $(B)/lazyconf $(B)/lazypull
	$(Q)$(B)/lazyconf sweep --listed --sample=8000 >$(B)/sweep.log || \
	  { cat $(B)/sweep.log; exit 1; }
	$(Q)scripts/mutants.py --build=$(B) --sample=5 --least=60 \
	  --results=$(B)/mutants-sample.jsonl codec tar >$(B)/mutants.log || \
	  { cat $(B)/mutants.log; exit 1; }

proof: $(B)/lazyconf $(B)/lazypull
	$(Q)$(B)/lazyconf sweep --listed
	$(Q)scripts/mutants.py --build=$(B)

check-long: check
	$(Q)$(MAKE) --no-print-directory proof

# The suite for people without this repository: one archive, one static program in it.
.PHONY: dist-conformance
dist-conformance: $(B)/lazyconf $(B)/lazyconf-static
	$(Q)scripts/dist-conformance.sh $(B)

# The end-to-end tests alone.
e2e: $(PROGS)
	$(Q)BUILD=$(abspath $(B)) scripts/run-pytest.sh $(B)/e2e.xml $(E2E)

peers:
	$(Q)scripts/peers.sh

# EXPERIMENT=convert, economy, nydus or scan: contests with other people's programs, which come with it.
IMAGES ?= python
bench: bench-ready
	$(Q)$(if $(EXPERIMENT),$(MAKE) --no-print-directory peers)
	$(Q)$(B)/lazybench run $(if $(EXPERIMENT),--experiment=$(EXPERIMENT)) $(if $(QUICK),--quick) \
	  $(if $(REGISTRY),--registry=$(REGISTRY)) $(IMAGES)
	$(Q)$(if $(EXPERIMENT),,$(MAKE) --no-print-directory plots)

.PHONY: bench-ready plots publish
bench-ready:
	$(Q)scripts/setup.sh bench
	$(Q)$(MAKE) --no-print-directory $(B)/lazypull $(B)/lazybench
	$(Q)python3 corpora/make.py hello $(IMAGES) $(if $(EXPERIMENT),small-files)

# The figure of some results: RESULTS='FILE...', or the newest file.
RESULTS ?= $(firstword $(shell ls -t results/*/*.jsonl 2>/dev/null))

plots: $(B)/lazybench
	@mkdir -p $(B)/plots
	$(Q)$(B)/lazybench report --data $(RESULTS) >$(B)/plots/start.tsv
	$(Q)LC_ALL=C.UTF-8 gnuplot -e "data='$(B)/plots/start.tsv'; out='$(B)/plots/start.svg'; \
	  command='make plots RESULTS=\"$(RESULTS)\"'" plots/start.gp
	$(call say,PLOT,$(B)/plots/start.svg)

publish: bench-ready
	$(Q)$(B)/lazybench publish --to=$(REGISTRY) hello $(IMAGES)

# The same graph again, in another build directory and with other flags.  What sanitizers add
# makes gcc guess the lengths of strings wrongly.
QUIET := -Wno-unknown-warning-option -Wno-format-truncation

asan:
	$(Q)$(MAKE) --no-print-directory B=$(B)/asan \
	  CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
	  -fno-omit-frame-pointer $(QUIET)' test

torture:
	$(Q)$(MAKE) --no-print-directory B=$(B)/torture TORTURE=$(B)/torture/ref/testing/torture.o \
	  CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all $(QUIET)' \
	  LDFLAGS='-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc' torture-run

.PHONY: torture-run
torture-run: $(RUNTESTS)
	$(Q)scripts/run-torture.sh $^

fuzz:
	$(Q)$(MAKE) --no-print-directory B=$(B)/fuzz CC=clang \
	  CFLAGS='-O1 -g -fsanitize=fuzzer-no-link,address,undefined' fuzz-run

.PHONY: fuzz-run
fuzz-run: $(call obj,$(FUZZERS)) $(B)/libconf.a $(B)/libref.a
	$(Q)for f in $(FUZZERS:%.c=%); do \
	  $(CC) $(CFLAGS) -fsanitize=fuzzer -o $(B)/$$f $(B)/$$f.o $(B)/libconf.a $(B)/libref.a $(LIBS) && \
	  mkdir -p $(B)/corpus/$$f && \
	  $(B)/$$f -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -artifact_prefix=$(B)/ \
	    $(B)/corpus/$$f || exit 1; \
	done

coverage:
	$(Q)$(MAKE) --no-print-directory B=$(B)/coverage CFLAGS='-O0 -g --coverage $(QUIET)' test
	$(Q)lcov --quiet --capture --directory $(B)/coverage --output-file $(B)/coverage.info
	$(Q)lcov --list $(B)/coverage.info

lint: $(B)/lazyconf
	$(Q)B=$(B) scripts/lint.sh

install: $(PROGS)
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m755 $(PROGS) $(DESTDIR)$(PREFIX)/bin

uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,$(notdir $(PROGS)))

clean:
	rm -rf $(B)

help:
	@sed -n '3,17s/^# \{0,1\}//p' $(firstword $(MAKEFILE_LIST))
