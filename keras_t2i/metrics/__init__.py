"""Scores of generated pictures, each with its protocol."""

from keras_t2i.metrics.distances import FeatureStatistics
from keras_t2i.metrics.distances import cmd_score
from keras_t2i.metrics.distances import frechet_distance
from keras_t2i.metrics.distances import frechet_distance_of_features
from keras_t2i.metrics.distances import frechet_distance_of_statistics
from keras_t2i.metrics.distances import kernel_distance
from keras_t2i.metrics.evaluation import ApplicationsExtractor
from keras_t2i.metrics.evaluation import Judge
from keras_t2i.metrics.evaluation import evaluate
from keras_t2i.metrics.retrieval import r_precision
from keras_t2i.metrics.score import Score

__all__ = [
    "ApplicationsExtractor",
    "FeatureStatistics",
    "Judge",
    "Score",
    "cmd_score",
    "evaluate",
    "frechet_distance",
    "frechet_distance_of_features",
    "frechet_distance_of_statistics",
    "kernel_distance",
    "r_precision",
]
