"""Other right answers to the assignments: bodies in place of the masters', by grade_id.

None may cost a point: other conventions, other types, other methods.
"""

RIGHT = {
    "a-1": ["return [(sorted(row, reverse=True) + [0.0])[:3] for row in np.asarray(posteriors)"
            ".tolist()]",
            "top = -np.sort(-np.asarray(posteriors, np.float32), axis=1)[:, :3]\n"
            "return np.hstack([top, np.zeros((len(top), 3 - top.shape[1]), np.float32)])"],
    "a-2": ["""
from sklearn.ensemble import HistGradientBoostingClassifier

trees = HistGradientBoostingClassifier(max_iter=50).fit(shadow_top, shadow_member)
return trees.predict_proba(top)[:, 1]
""", """
inside, outside = shadow_top[shadow_member][:, 0], shadow_top[~shadow_member][:, 0]
bins = np.linspace(0, 1, 12)
density = [np.histogram(one, bins)[0] / len(one) for one in (inside, outside)]
place = np.clip(np.digitize(top[:, 0], bins) - 1, 0, 10)
return ((density[0] + 1e-3) / (density[1] + 1e-3))[place].astype(np.float32)
"""],
    "a-3": ["""
from sklearn.metrics import roc_curve

fpr, tpr, cuts = roc_curve(member, scores)
return cuts[np.argmax(tpr - fpr)]
""", """
cuts = np.unique(scores)
between = (cuts[1:] + cuts[:-1]) / 2
gain = [np.mean(scores[member] > cut) - np.mean(scores[~member] > cut) for cut in between]
return float(between[np.argmax(gain)])
"""],
    "a-4": ["""
cut = best_cut(np.max(shadow_posteriors, axis=1), shadow_member)
return [int(one > cut) for one in np.max(posteriors, axis=1)]
"""],
    "a-5": ["from sklearn.metrics import roc_auc_score\nreturn roc_auc_score(member, scores)",
            """
from scipy.stats import rankdata

n = member.sum()
return (rankdata(scores)[member].sum() - n * (n + 1) / 2) / n / (len(member) - n)
"""],
    "a-6": ["return np.mean(scores[member] > np.quantile(scores[~member], 1 - rate))",
            """
from sklearn.metrics import roc_curve

fpr, tpr, _ = roc_curve(member, scores)
return np.interp(rate, fpr, tpr)
"""],
    "a-7": ["""
from scipy.stats import beta

return beta.ppf([0.025, 0.975], found + 0.5, members - found + 0.5).tolist()
""", """
from scipy.stats import binomtest

ends = binomtest(found, members).proportion_ci(0.95, "exact")
return ends.low, ends.high
""", """
share, n = (found + 2) / (members + 4), members + 4
half = 2 * np.sqrt(share * (1 - share) / n)
return max(share - half, 0), min(share + half, 1)
"""],
    "a-8": ["""
pairs = list(zip(called.tolist(), member.tolist()))
both = sum(a and b for a, b in pairs)
return [both / sum(member.tolist()), sum(a and not b for a, b in pairs)
        / sum((~member).tolist()), both / sum(called.tolist())]
"""],
    "b-1": ["""
values = np.unique(posteriors)
if len(values) == 2:
    return "label only"
if len(values) < 200:
    return "rounded"
if np.max([len(np.unique(row.round(9))) for row in posteriors[:50]]) < 15:
    return "top"
return "soft" if np.mean(posteriors.max(axis=1) > 0.98) < 0.01 else "none"
"""],
    "b-2": ["return np.quantile(scores[~member], 1 - rate)",
            "return float(np.quantile(scores[~member], 1 - rate, method='higher'))"],
    "b-3": ["rows = np.arange(len(labels))\nreturn posteriors[rows, labels] - hers[rows, labels]",
            """
rows = np.arange(len(labels))
own, other = (one[rows, labels].clip(1e-6) for one in (posteriors, hers))
return (np.log(own) - np.log(other)).astype(np.float32)
"""],
    "b-4": ["""
from sklearn.metrics import roc_auc_score

inside, outside = scores[member], scores[~member]
found = np.mean(inside > np.quantile(outside, 1 - rate))
rng = np.random.default_rng(1)
drawn = [np.mean(rng.choice(inside, len(inside)) > np.quantile(
    rng.choice(outside, len(outside)), 1 - rate)) for _ in range(300)]
return [roc_auc_score(member, scores), found, *np.quantile(drawn, [0.025, 0.975])]
""", """
inside, outside = scores[member], scores[~member]
found = np.mean(inside >= np.quantile(outside, 1 - rate))
half = 1.96 * np.sqrt(found * (1 - found) / len(inside))
return (inside[:, None] > outside).mean(), found, found - half, found + half
"""],
    "b-5": ["""
found = np.array([np.mean(own[who] > np.quantile(own[~who], 0.99))
                  for own, who in zip(scores, member)])
return int(found.argmax()) if found.max() > 0.03 else -1
""", """
low = [leak(own, who, 0.01)[2] for own, who in zip(scores, member)]
return int(np.argmax(low)) if max(low) > 0.01 else -1
"""],
    "b-6": ["""
from sklearn.linear_model import LogisticRegression

def seen(said, classes, other):
    rows = np.arange(len(classes))
    return np.column_stack([score(said, classes, other), other[rows, classes]])

known = seen(shadow_posteriors, shadow_labels, shadow_hers)
attack = LogisticRegression().fit(known, shadow_member)
cut = np.quantile(attack.decision_function(known)[~shadow_member], 1 - rate)
asked = attack.decision_function(seen(posteriors, labels, hers))
return (asked >= cut).astype(int).tolist()
"""],
    "c-1": ["""
with np.errstate(divide="ignore"):
    logits = np.log(np.asarray(masked, float)) * t
logits -= logits.max(axis=1, keepdims=True)
return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
"""],
    "c-2": ["""
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

if balanced_accuracy_score(member, scores > cut) > 0.55:
    return "open"
return "cut broken" if roc_auc_score(member, scores) > 0.55 else "closed"
"""],
    "c-3": ["""
outside = np.sort(scores[third < 0])[::-1]
cut = outside[int(rate * len(outside))]
return [float(np.mean(scores[third == place] > cut)) for place in range(3)]
"""],
    "c-4": ["right = np.argmax(posteriors, axis=1) == labels\n"
            "return 0.5 + (right[member].mean() - right[~member].mean()) / 2"],
    "c-5": ["""
from scipy.stats import binomtest

inside, outside = scores[member], scores[~member]
if len(outside) * rate < 10 - 1e-9:
    return 0, 0, 1
hits = int(np.sum(inside > np.quantile(outside, 1 - rate)))
ends = binomtest(hits, len(inside)).proportion_ci(0.95)
return hits / len(inside), ends.low, ends.high
""", """
inside, outside = scores[member], scores[~member]
if len(outside) * rate < 10 - 1e-9:
    return 0.0, 0.0, 1.0
rng = np.random.default_rng(1)
drawn = [np.mean(rng.choice(inside, len(inside)) > np.quantile(
    rng.choice(outside, len(outside)), 1 - rate)) for _ in range(300)]
return [np.mean(inside > np.quantile(outside, 1 - rate)), *np.quantile(drawn, [0.025, 0.975])]
"""],
    "c-6": ["""
from sklearn.ensemble import HistGradientBoostingClassifier

def seen(one):
    rows = np.arange(len(one["labels"]))
    own, other = one["model"][rows, one["labels"]], one["hers"][rows, one["labels"]]
    return np.column_stack([own, other, one["model"].max(axis=1)])

trees = HistGradientBoostingClassifier(max_iter=80, min_samples_leaf=20)
return trees.fit(seen(shadow), shadow["member"]).predict_proba(seen(target))[:, 1]
"""],
    "d-1": ["outside = np.sort(scores[~member])[::-1]\n"
            "return np.mean(scores[member] > outside[int(len(outside) * rate)])",
            """
from sklearn.metrics import roc_curve

fpr, tpr, _ = roc_curve(member, scores)
return tpr[fpr <= rate].max()
"""],
    "d-2": ["""
found = tpr(scores, member, rate)
half = 1.96 * np.sqrt(found * (1 - found) / member.sum())
return [found - half, found + half]
""", """
from scipy.stats import beta

n = int(member.sum())
hits = round(tpr(scores, member, rate) * n)
return beta.ppf([0.025, 0.975], hits + 0.5, n - hits + 0.5)
"""],
    "d-3": ["""
found = [own[member] > np.quantile(own[~member], 1 - rate) for own in (first, second)]
apart = found[0].astype(float) - found[1]
half = 1.96 * apart.std() / np.sqrt(len(apart))
return [apart.mean(), apart.mean() - half, apart.mean() + half]
""", """
rng, rows, drawn = np.random.default_rng(5), np.arange(len(first)), []
for _ in range(300):
    some = rng.choice(rows, len(rows))
    drawn.append(tpr(first[some], member[some], rate) - tpr(second[some], member[some], rate))
value = tpr(first, member, rate) - tpr(second, member, rate)
low, high = np.quantile(drawn, [0.025, 0.975])
return value, min(low, value), max(high, value)
"""],
    "d-4": ["""
from scipy.stats import norm

found = [own[member] > np.quantile(own[~member], 1 - rate) for own in (first, second)]
more, less = np.sum(found[0] & ~found[1]), np.sum(found[1] & ~found[0])
return 2 * norm.sf(abs(more - less) / max(np.sqrt(more + less), 1))
""", """
from scipy.stats import chi2

found = [own[member] > np.quantile(own[~member], 1 - rate) for own in (first, second)]
more, less = np.sum(found[0] & ~found[1]), np.sum(found[1] & ~found[0])
return chi2.sf(max(abs(more - less) - 1, 0) ** 2 / max(more + less, 1), 1)
""", """
from scipy.stats import norm

value, low, high = difference(first, second, member, rate)
return 2 * norm.sf(3.92 * abs(value) / (high - low)) if high > low else 1.0
"""],
    "d-5": ["return np.asarray(p_values) <= 0.05 / len(p_values)",
            "return [int(p < 1 - 0.95 ** (1 / len(p_values))) for p in p_values]"],
    "d-6": ["odds = base_rate / (1 - base_rate) * tpr / fpr\nreturn odds / (1 + odds)"],
    "d-7": ["""
both, apart = only_first + only_second, only_first - only_second
return (1.96 * np.sqrt(both) + 0.8416 * np.sqrt(both - apart**2)) ** 2 / apart**2
""", "return round(7.85 * (only_first + only_second) / (only_first - only_second) ** 2)"],
}
