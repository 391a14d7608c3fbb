"""What the papers found on their recordings, as printed: TASLP 2020, Tables I, III, IV and V; WASPAA 2019, 1 and 2."""

from __future__ import annotations

# Per cent: F1, precision, recall; accuracy; segment F1 and error rate; dB.
TABLE_1 = {
    "AV TS": (64.2, 59.7, 69.4),
    "Sync. AV TS": (62.0, 57.2, 67.6),
    "AO TS": (57.3, 53.2, 62.0),
    "VO TS": (47.3, 48.5, 46.1),
    "VO TS WSDDN-Type": (48.8, 47.6, 50.1),
    "AV OS": (55.3, 50.4, 61.2),
}
TABLE_3 = {"AV TS, fine-tuned": (65.0, 84.5), "AO TS, fine-tuned": (61.7, 75.3)}
TABLE_4 = {"AV TS": (51.0, 0.76), "AO TS": (48.5, 0.78)}
WASPAA_1 = {
    "AO TS": ("A (TSP)", 75.3),
    "A (NCP)": ("A (NCP)", 71.1),
    "A (NCP, TSP)": ("A (NCP, TSP)", 76.7),
    "A (TSP) + A (NCP)": ("A (TSP) + A (NCP)", 77.3),
    "AV TS": ("V + A (TSP)", 84.5),
    "V + A (NCP)": ("V + A (NCP)", 80.9),
    "V + A (NCP, TSP)": ("V + A (NCP, TSP)", 84.6),
    "V + A (TSP) + V + A (NCP)": ("V + A (TSP) + V + A (NCP)", 84.6),
}
WASPAA_2 = {"0": (73.9, 75.6), "-10": (63.2, 65.2), "-20": (58.7, 59.2)}
TABLE_5 = {
    "supervised NMF, projected": 2.3,
    "Mel clustering, better order": 4.3,
    "V + A (NCP), soft, known": 3.3,
    "V + A (NCP), soft, unknown": 3.3,
    "V + A (NCP), 0.1, known": 3.8,
    "V + A (NCP), 0.1, unknown": 3.9,
    "V + A (NCP), 0.2, known": 3.6,
    "V + A (NCP), 0.2, unknown": 3.6,
    "V + A (NCP, TSP), soft, known": 2.1,
    "V + A (NCP, TSP), soft, unknown": 2.2,
}
