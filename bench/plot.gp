# gnuplot -e "data = 'shapes.data'; out = 'performance.svg'" plot.gp
#
# DATA is what bench-table --plot writes. Blue waits for the end and orange does
# not; the pale one of each is the library's protocol by hand.
set terminal svg size 1100,420 font "sans-serif,11" background rgb "white"
set output out
set style data histograms
set datafile missing "?"
set style histogram clustered gap 1
set style fill solid 0.9 border rgb "#444444"
set boxwidth 0.9
set grid ytics lc rgb "#cccccc"
set yrange [0:*]
set ytics 0.25
set ylabel "transactions per second, baseline = 1"
set xlabel "databases, threads" offset 0,1.5
set bmargin 7.5
set xtics rotate by 40 right nomirror scale 0
set key outside top center horizontal Left reverse samplen 2
plot data using 2:xtic(1) title "plain" lc rgb "#bbbbbb", \
	data using 3 title "pipelined" lc rgb "#a9cbe8", \
	data using 4 title "library" lc rgb "#2266aa", \
	data using 5 title "pipelined-deferred" lc rgb "#f6d0a0", \
	data using 6 title "deferred" lc rgb "#d9822b", \
	1 title "the baseline" lc rgb "#aa2222" lw 2
