# SPDX-License-Identifier: MIT
# start - the talk's figure: pull, create and run, stacked, per system and image.
#
#   lazybench report --data results/.../*.jsonl >build/plots/start.tsv
#   gnuplot -e "data='build/plots/start.tsv'; out='build/plots/start.svg'" plots/start.gp
#
# Each part is the phase's own percentile, so that a bar need not end where the percentile of the
# whole is: that is the diamond, with its exact interval of 95 %.

if (!exists("data")) data = "build/plots/start.tsv"
if (!exists("out")) out = "build/plots/start.svg"
if (!exists("command")) command = "make plots"
set encoding utf8
set decimalsign "."
set datafile separator "\t"

row = 22                        # pixels
stats data using 9 nooutput
all = STATS_blocks
end(p, c, r, high) = p + c + r > high ? p + c + r : high      # ms
array block[all]                # the blocks that are shown: the control is not
array first[all]                # the row at which each begins
array title[all]
blocks = 0
at = 0
widest = 0
do for [i = 0:all - 1] {
	t = ""
	system = ""
	stats data index i using (system = strcol(3), t = sprintf("%s, task %s (%s, n = %s)", \
		strcol(1), strcol(2), strcol(5), strcol(4)), end($6, $7, $8, $11)) nooutput
	if (system ne "control") {
		blocks = blocks + 1
		at = at + (blocks == 1 ? 1.1 : 2.0)     # room for the title
		block[blocks] = i
		first[blocks] = at
		title[blocks] = t
		at = at + STATS_records
		widest = STATS_max > widest ? STATS_max : widest
	}
}

set terminal svg size 900, (at + 5.6) * row font "DejaVu Sans,12" background "#ffffff" enhanced
set output out
set lmargin 30
set rmargin 4
set tmargin 3.2
set bmargin 5.4
set xrange [0:widest * 1.30 / 1000]
set yrange [at + 0.2:0]
set border 1 lc rgb "#888888"
set xtics nomirror tc rgb "#333333"
set grid xtics lc rgb "#e4e4e4" lt 1
unset ytics
set xlabel "seconds from naming the image to the workload being ready, cold" tc rgb "#333333"
set title "Starting containers before their images are here" font "DejaVu Sans Bold,15" \
	offset 0, 0.6 tc rgb "#111111"
set key at graph 1.0, graph 0.03 right bottom vertical samplen 1.2 width 1 reverse Left opaque tc rgb "#333333"
set label 1 "data: ".command at screen 0.015, screen 0.02 noenhanced font "DejaVu Sans,9" \
	tc rgb "#777777"
do for [i = 1:blocks] {
	set label 10 + i title[i] at screen 0.015, first first[i] - 0.95 noenhanced \
		font "DejaVu Sans Bold,12" tc rgb "#111111"
}
set style fill solid 1 noborder
pull = "#4c78a8"; create = "#f2b447"; run = "#54a24b"

y(i) = first[i] + $0
left(v) = v / 1000.0
note(x) = strcol(12) eq "n/a" ? sprintf("%.2f s", column(9) / 1000) : \
	sprintf("%.2f s   %s requests   %.1f MB", column(9) / 1000, strcol(12), column(13) / 1e6)

plot for [i = 1:blocks] data index block[i] \
	using (0):(y(i)):(0):(left($6)):(y(i) - 0.36):(y(i) + 0.36) \
	with boxxyerror fc rgb pull title i == 1 ? "pull" : "", \
for [i = 1:blocks] data index block[i] \
	using (left($6)):(y(i)):(left($6)):(left($6 + $7)):(y(i) - 0.36):(y(i) + 0.36) \
	with boxxyerror fc rgb create title i == 1 ? "create" : "", \
for [i = 1:blocks] data index block[i] \
	using (left($6 + $7)):(y(i)):(left($6 + $7)):(left($6 + $7 + $8)):(y(i) - 0.36):(y(i) + 0.36) \
	with boxxyerror fc rgb run title i == 1 ? "run" : "", \
for [i = 1:blocks] data index block[i] using (left($9)):(y(i)):(left($10)):(left($11)) \
	with xerrorbars lc rgb "#222222" pt 13 ps 0.7 lw 1.2 title i == 1 ? "ready, 95 % interval" : "", \
for [i = 1:blocks] data index block[i] using (left(end($6, $7, $8, $11) + widest / 60)):(y(i)):(note(0)) \
	with labels left font "DejaVu Sans,10" tc rgb "#555555" notitle, \
for [i = 1:blocks] data index block[i] using (0):(y(i)):(strcol(3)) \
	with labels right offset -1, 0 noenhanced font "DejaVu Sans,11" tc rgb "#333333" notitle
