# What bench-peers.sh measured, summed up: shapes.csv first, then its CSV.
#
# A ratio is ours over theirs within one pair; shown are the median of the pairs
# and, in brackets, the least and the greatest.  The bar of a net is that
# setting of the peer which has the best median; memory is the peak of the whole
# process over that of its best f32 setting.

BEGIN {
    FS = ","
    PASSES = split("fwd bwd_data bwd_weight", pass_name, " ")
    CLASSES = split("dense 1x1 depthwise", class_name, " ")
    split("f32 bf16", precision_name, " ")
}

function sort(x, n,    i, j, v) {
    for (i = 2; i <= n; i++) {
        v = x[i]
        for (j = i - 1; j >= 1 && x[j] > v; j--)
            x[j + 1] = x[j]
        x[j + 1] = v
    }
}

function median(x, n) {
    sort(x, n)
    return (x[int((n + 1) / 2)] + x[int(n / 2) + 1]) / 2
}

# The median over pairs of the rates of one program and setting; 0: none.
function median_rate(key,    pair, n, x) {
    n = 0
    for (pair = 1; pair <= pairs; pair++)
        if ((key, pair) in rate)
            x[++n] = rate[key, pair]
    return n ? median(x, n) : 0
}

# Ratios of pairs of two keys: sets mid, low, high; gives how many pairs.
function compare(ours, theirs,    pair, n, x) {
    n = 0
    for (pair = 1; pair <= pairs; pair++)
        if ((ours, pair) in rate && (theirs, pair) in rate)
            x[++n] = rate[ours, pair] / rate[theirs, pair]
    if (n == 0)
        return 0
    mid = median(x, n)
    low = x[1]
    high = x[n]
    return n
}

FNR == 1 { file++; next }
file == 1 {
    class[$1] = $9 > 1 ? "depthwise" : $7 == 1 ? "1x1" : "dense"
    shape[++shapes] = $1
    next
}
{
    key = $1 SUBSEP $2 SUBSEP $3 SUBSEP $4
    if ($2 == "") {
        key = key SUBSEP $5
        if (!($1 in seen_net)) {
            seen_net[$1] = 1
            net[++nets] = $1
        }
        if ($4 == "torch" && !($3 SUBSEP $5 in seen_setting)) {
            seen_setting[$3 SUBSEP $5] = 1
            setting[++settings] = $3 SUBSEP $5
        }
    }
    convolutions += $2 != ""
    rate[key, $6] = $7
    rss[key] = $8
    if ($6 > pairs)
        pairs = $6
}

# The key of PyTorch's best setting; of f32 alone where `precision` is f32.
function best_setting(name, precision,    i, part, k, m, most, best) {
    most = 0
    for (i = 1; i <= settings; i++) {
        split(setting[i], part, SUBSEP)
        if (precision == "f32" && part[1] != "f32")
            continue
        k = name SUBSEP SUBSEP part[1] SUBSEP "torch" SUBSEP part[2]
        m = median_rate(k)
        if (m > most) {
            most = m
            best = k
        }
    }
    return best
}

function tell_net(name, precision,    ours, theirs, part, f32, memory) {
    ours = name SUBSEP SUBSEP precision SUBSEP "ours" SUBSEP "step"
    theirs = best_setting(name, precision)
    if (theirs == "" || !compare(ours, theirs))
        return
    split(theirs, part, SUBSEP)
    f32 = best_setting(name, "f32")
    memory = f32 == "" ? 0 : rss[ours] / rss[f32]
    printf "%-4s %-5s %9.1f %9.1f  %-18s %5.2f (%.2f to %.2f) %8.2f\n",
        name, precision, median_rate(ours), median_rate(theirs),
        part[3] " " part[5], mid, low, high, memory
}

# The precision in which a program is fastest at a pass of a shape.
function better_precision(name, pass, program,    k, f32, bf16) {
    k = name SUBSEP pass SUBSEP
    f32 = median_rate(k "f32" SUBSEP program)
    bf16 = median_rate(k "bf16" SUBSEP program)
    return bf16 > f32 ? "bf16" : "f32"
}

function tell_mean(label, pass, precision, logs, n) {
    if (n)
        printf "%-10s %-10s %-5s %4d %8.2f\n", label, pass, precision, n,
            exp(logs / n)
}

# `precision` f32 or bf16, of both; or `best`, each in its own.
function compare_shape(name, pass, precision,    k, ours, theirs) {
    k = name SUBSEP pass SUBSEP
    ours = theirs = precision
    if (precision == "best") {
        ours = better_precision(name, pass, "ours")
        theirs = better_precision(name, pass, "onednn")
    }
    return compare(k ours SUBSEP "ours", k theirs SUBSEP "onednn")
}

function tell_class(c, precision,    i, p, logs, n, all, count) {
    for (p = 1; p <= PASSES; p++) {
        logs = n = 0
        for (i = 1; i <= shapes; i++) {
            if (class[shape[i]] != c)
                continue
            if (!compare_shape(shape[i], pass_name[p], precision))
                continue
            logs += log(mid)
            n++
            if (!(precision in worst) || mid < worst[precision]) {
                worst[precision] = mid
                worst_name[precision] = shape[i] " " pass_name[p]
            }
        }
        tell_mean(c, pass_name[p], precision, logs, n)
        all += logs
        count += n
    }
    tell_mean(c, "all", precision, all, count)
}

END {
    if (nets) {
        print "steps: img/s, ours over PyTorch's best setting, median of pairs"
        printf "%-4s %-5s %9s %9s  %-18s %-22s %s\n", "net", "", "ours",
            "PyTorch", "its setting", "ratio", "memory"
        for (i = 1; i <= nets; i++)
            for (q = 1; q <= 2; q++)
                tell_net(net[i], precision_name[q])
        print ""
    }
    if (!convolutions)
        exit
    print "convolutions: ours over oneDNN, geometric means"
    for (q = 1; q <= 2; q++) {
        for (c = 1; c <= CLASSES; c++)
            tell_class(class_name[c], precision_name[q])
        if (precision_name[q] in worst)
            printf "worst      %s: %.2f\n", worst_name[precision_name[q]],
                worst[precision_name[q]]
    }
    if ("f32" in worst && "bf16" in worst)
        tell_class("depthwise", "best")
}
