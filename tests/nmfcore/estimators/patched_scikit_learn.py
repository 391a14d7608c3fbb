"""A pytest plugin: scikit-learn's own tests then find nmfcore's estimators in `sklearn.decomposition`."""

import sklearn.decomposition

import nmfcore

for name in ("NMF", "MiniBatchNMF", "non_negative_factorization"):
    setattr(sklearn.decomposition, name, getattr(nmfcore, name))
