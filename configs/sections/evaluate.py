"""The section `evaluate`: how generated samples are judged."""

from ml_collections import ConfigDict, config_dict

__all__ = ["evaluate", "evaluate_shapes"]


def evaluate() -> ConfigDict:
    """Distances between samples and real instances, and an audit for copying."""
    return config_dict.create(
        # Feature spaces in which sets are compared: these, "imagenet" (pip install
        # 'wsjax[features]') or any module:function.
        features=("pixel_pca", "classifier", "random_conv"),
        components=32,  # Most features of a space; of more, the main axes.
        unit=False,  # Whether features are scaled to length 1, as the paper's are.
        # ONNX file of a network whose outputs are one more space; None: no such space.
        onnx=config_dict.placeholder(str),
        # Mean and standard deviation that standardise its input, per channel;
        # ImageNet's are (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225).
        onnx_mean=(0.0,),
        onnx_std=(1.0,),
        neighbours=3,  # The k of precision and recall.
        confident=0.9,  # Lowest probability of the top class that counts as recognised.
        repeats=8,  # Random draws of sets that each distance is averaged over.
        control=4,  # How often the audit is tried on real instances.
        # Most looks, 50 steps apart, at a network that learns to tell samples from
        # rebuilt test instances.
        looks=40,
    )


def evaluate_shapes(*, points: int, references: int) -> ConfigDict:
    """The same, and Chamfer distances between sets of surfaces.

    Args:
      points: number of points drawn on each surface.
      references: number of test shapes, and of samples, that are compared.
    """
    section = evaluate()
    section.points = points
    section.references = references
    return section
