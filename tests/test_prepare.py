"""Preparing records: pixel by pixel, and what any transformer has to give."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from mlleaks_helpers.data import Dataset, PerPixel, apply, fit_prepare, load, split
from mlleaks_helpers.data.prepare import as_they_are, centred_tfidf, one_hot_and_scaled

TEXTS = np.array(["a cat sat", "the dog sat", "a dog and a cat"], object)
TABLE = np.array([[1.0, 5.0], [2.0, 7.0], [3.0, 9.0]])


# ---------------------------------------------------------------- pixel by pixel


def test_per_pixel_gives_mean_0_and_std_1_on_what_it_was_fitted_on():
    x = np.random.default_rng(0).integers(0, 256, (200, 4, 3, 2), dtype=np.uint8)
    prepared = PerPixel().fit(x).transform(x)
    assert prepared.dtype == np.float32
    np.testing.assert_allclose(prepared.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(prepared.std(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize("kind", [bool, "uint8", "int64", "float16", "float32", "float64"])
def test_per_pixel_gives_float32_whatever_it_takes(kind):
    x = np.array([0, 1, 1, 0]).reshape(4, 1, 1, 1).astype(kind)
    prepared = PerPixel(0.25).fit_transform(x)
    assert prepared.dtype == np.float32 and prepared.ravel().tolist() == [-1, 1, 1, -1]


def test_per_pixel_only_centres_a_pixel_that_hardly_changes():
    x = np.full((100, 1, 1, 1), 7, np.uint8)
    x[0] = 9
    prepared = PerPixel().fit(x).transform(x)
    np.testing.assert_allclose(prepared.ravel(), x.ravel() - 7.02, atol=1e-5)
    prepared = PerPixel(min_std=4.0).fit(x).transform(x)
    np.testing.assert_allclose(prepared.ravel(), (x.ravel() - 7.02) / 4, atol=1e-5)


def test_per_pixel_applies_the_training_statistics_to_every_other_record():
    train, others = np.zeros((5, 2, 2, 1), np.uint8), np.full((5, 2, 2, 1), 200, np.uint8)
    per_pixel = PerPixel().fit(train)
    assert (per_pixel.transform(train) == 0).all()
    assert (per_pixel.transform(others) == 200).all()


def test_per_pixel_refuses_records_of_another_shape():
    per_pixel = PerPixel().fit(np.zeros((5, 2, 2, 1), np.uint8))
    with pytest.raises(ValueError, match=r"x has records of shape \(3, 3, 1\)"):
        per_pixel.transform(np.zeros((5, 3, 3, 1), np.uint8))


@pytest.mark.parametrize("min_std", [0, -1.0, np.nan])
def test_per_pixel_refuses_min_std(min_std):
    with pytest.raises(ValueError, match="min_std must be positive"):
        PerPixel(min_std).fit(np.zeros((5, 2, 2, 1), np.uint8))


# ---------------------------------------------------------------- the sets' own


def test_binary_records_pass_through_unchanged():
    x = np.eye(3, dtype=np.uint8)
    _, table = fit_prepare(as_they_are(), x)
    assert table.dtype == np.float32 and (table == x).all()


def test_texts_become_centred_rows_of_the_training_vocabulary():
    fitted, table = fit_prepare(centred_tfidf(), TEXTS)
    plain = TfidfVectorizer().fit(TEXTS)
    expected = plain.transform(TEXTS).toarray()
    np.testing.assert_allclose(table, expected - expected.mean(axis=0), atol=1e-6)
    other = apply(fitted, np.array(["a cat and nothing known"], object))
    expected = plain.transform(["a cat and nothing known"]).toarray() - expected.mean(axis=0)
    np.testing.assert_allclose(other, expected, atol=1e-6)


def test_categories_come_first_and_numbers_are_standardised():
    x = np.array([[10, 0, 7], [20, 3, 9], [30, 0, 9]], np.float32)
    fitted, table = fit_prepare(one_hot_and_scaled(np.array([1, 2])), x)
    assert table[:, :4].tolist() == [[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 0, 1]]
    np.testing.assert_allclose(table[:, 4], [-1.5**0.5, 0, 1.5**0.5], atol=1e-6)
    assert apply(fitted, np.array([[20, 5, 7]], np.float32)).tolist() == [[0, 0, 1, 0, 0]]


def test_loading_and_splitting_fits_nothing():
    prepare = split(load("digits")).target_train.prepare
    assert not hasattr(prepare, "mean_")


# ---------------------------------------------------------------- fitting and applying


def test_a_clone_is_fitted_on_these_records_and_applied_to_others():
    prepare = StandardScaler()
    fitted, table = fit_prepare(prepare, TABLE)
    assert not hasattr(prepare, "mean_") and fitted.mean_.tolist() == [2, 7]
    spread = np.sqrt([2 / 3, 8 / 3])
    np.testing.assert_allclose(table, (TABLE - [2, 7]) / spread, rtol=1e-6)
    np.testing.assert_allclose(apply(fitted, [2, 7] + spread * np.array([[1, 2]])), [[1, 2]],
                               rtol=1e-6)
    assert table.dtype == apply(fitted, TABLE).dtype == np.float32
    assert fitted.mean_.tolist() == [2, 7]


def test_what_was_fitted_before_is_forgotten():
    fitted, _ = fit_prepare(StandardScaler().fit(TABLE * 100), TABLE)
    assert fitted.mean_.tolist() == [2, 7]


@pytest.mark.parametrize("prepare", [
    OneHotEncoder(sparse_output=False, dtype=int), StandardScaler().set_output(transform="pandas"),
    FunctionTransformer(lambda x: x > 2), FunctionTransformer(lambda x: x[..., None])])
def test_tables_come_as_float32_arrays(prepare):
    fitted, table = fit_prepare(prepare, TABLE)
    assert type(table) is np.ndarray and table.dtype == np.float32 and len(table) == 3
    np.testing.assert_array_equal(apply(fitted, TABLE), table)


class Shorter(TransformerMixin, BaseEstimator):
    """Drops the first record."""

    def fit(self, x, y=None):
        return self

    def transform(self, x):
        return x[1:]


@pytest.mark.parametrize(("prepare", "x", "message"), [
    (TfidfVectorizer(), TEXTS,
     r"prepare, a TfidfVectorizer, gives a sparse table: .* FunctionTransformer\(lambda table"),
    (make_pipeline(TfidfVectorizer()), TEXTS, "prepare, a Pipeline, gives a sparse table"),
    (OneHotEncoder(), TABLE, "gives a sparse table: .*sparse_output=False"),
    (make_column_transformer((StandardScaler(), ["age"])), TABLE,
     r"prepare names columns, \['age'\]: records are arrays, so give the columns' numbers"),
    (make_column_transformer((StandardScaler(), "age")), TABLE, "prepare names columns, 'age'"),
    (make_pipeline(make_column_transformer((StandardScaler(), ["age"]))), TABLE, "names columns"),
    (as_they_are(), TEXTS, "x is text, and the Dataset has no prepare: .*TfidfVectorizer"),
    (StandardScaler(), TEXTS, "prepare, a StandardScaler, cannot take x, object of shape"),
    (StandardScaler(), np.zeros((3, 4, 4, 1)), r"cannot take x, float64 of shape \(3, 4, 4, 1\)"),
    (StandardScaler(), np.array([["a", 1], ["b", 2]], object), "could not convert string"),
    (TfidfVectorizer(), TABLE, "prepare, a TfidfVectorizer, cannot take x"),
    (FunctionTransformer(np.log), TABLE - 1, "gives values that are NaN, infinite or too large"),
    (FunctionTransformer(lambda x: x - np.inf), TABLE, "NaN, infinite"),
    (FunctionTransformer(lambda x: x * 1e300), TABLE, "too large for float32"),
    (FunctionTransformer(lambda x: x[:, 0]), TABLE, r"makes shape \(3,\) of 3 records"),
    (FunctionTransformer(lambda x: x[:, :0]), TABLE, r"makes shape \(3, 0\) of 3 records"),
    (Shorter(), TABLE, r"prepare, a Shorter, makes shape \(2, 2\) of 3 records"),
    (FunctionTransformer(lambda x: x.astype(str).astype(object) + "a"), TABLE, "are no numbers"),
    (LogisticRegression(), TABLE, "prepare is LogisticRegression.*: give a scikit-learn transform"),
    (np.log, TABLE, r"prepare is <ufunc 'log'>: .* \(FunctionTransformer makes one of a function"),
    (StandardScaler, TABLE, r"a class: give an object, StandardScaler\(\)"),
    ("standard", TABLE, "prepare is 'standard': give a scikit-learn transformer"),
])
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_one_sentence_says_what_a_prepare_has_to_give(prepare, x, message):
    with pytest.raises(ValueError, match=message):
        fit_prepare(prepare, x)


def test_what_is_no_transformer_is_refused_where_the_dataset_is_made():
    for prepare in (LogisticRegression(), StandardScaler, np.log,
                    make_column_transformer((StandardScaler(), ["age"]))):
        with pytest.raises(ValueError, match="prepare"):
            Dataset("mine", TABLE, [0, 1, 0], "ab", prepare)


def test_the_sentence_of_the_sparse_table_is_right():
    dense = make_pipeline(TfidfVectorizer(), FunctionTransformer(lambda table: table.toarray()))
    fitted, table = fit_prepare(dense, TEXTS)
    np.testing.assert_allclose(table, TfidfVectorizer().fit_transform(TEXTS).toarray(), rtol=1e-6)
    np.testing.assert_array_equal(apply(fitted, TEXTS[1:]), table[1:])


def test_what_only_later_records_bring_is_refused_too():
    fitted, _ = fit_prepare(FunctionTransformer(np.log), TABLE)
    with pytest.raises(ValueError, match="FunctionTransformer, gives values that are NaN"), \
            np.errstate(divide="ignore"):
        apply(fitted, TABLE * 0)
    fitted, _ = fit_prepare(StandardScaler(), TABLE)
    with pytest.raises(ValueError, match=r"cannot take x, float64 of shape \(3, 1\)"):
        apply(fitted, TABLE[:, :1])
    with pytest.raises(ValueError, match="NotFittedError"):
        apply(clone(fitted), TABLE)
