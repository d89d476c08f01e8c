"""The section `evaluate`: how generated weights are judged."""

from ml_collections import ConfigDict, config_dict

__all__ = ["evaluate", "evaluate_shapes"]


def evaluate() -> ConfigDict:
    """Distances between samples and real instances, and an audit of copies."""
    return config_dict.create(
        # Feature spaces in which sets are compared; the audit uses the first.
        features=("pixel_pca", "classifier", "random_conv"),
        components=32,  # Of the pixel PCA.
        unit=False,  # Whether features are scaled to length 1, as the paper's are.
        onnx=config_dict.placeholder(str),  # File of a network: one more space.
        # Mean and deviation by which its pixels are standardised, per channel;
        # ImageNet's are (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225).
        onnx_mean=(0.0,),
        onnx_std=(1.0,),
        neighbours=3,  # The k of precision and recall.
        # Noise on training weights, in standard deviations: the audit's baselines.
        noise=(0.0, 0.25, 0.5, 0.65, 0.8, 1.0),
        confident=0.9,  # Highest class probability that counts as recognised.
        repeats=8,  # Random halves or subsets behind each distance and its floor.
    )


def evaluate_shapes(*, points: int, references: int) -> ConfigDict:
    """The same, with Chamfer distances between surfaces.

    Args:
      points: on each surface.
      references: shapes in each of the two sets that are compared.
    """
    section = evaluate()
    section.points = points
    section.references = references
    return section
