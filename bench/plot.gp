# gnuplot -e "data = 'shapes.data'; out = 'performance.svg'" plot.gp
set terminal svg size 1100,420 font "sans-serif,11" background rgb "white"
set output out
set style data histograms
set datafile missing "?"
set style histogram clustered gap 1
set style fill solid 0.9 border -1
set boxwidth 0.9
set grid ytics lc rgb "#cccccc"
set yrange [0:*]
set ylabel "transactions per second, baseline = 1"
set xtics rotate by -45 scale 0
set key top right
set title "Beside the baseline, by databases and threads"
plot data using 2:xtic(1) title "plain COMMITs" lc rgb "#bbbbbb", \
	data using 3 title "its protocol by hand" lc rgb "#888888", \
	data using 4 title "libsqlassist" lc rgb "#2266aa", \
	data using 5 title "libsqlassist, deferred" lc rgb "#88bbee", \
	1 notitle lc rgb "#aa2222" lw 2
