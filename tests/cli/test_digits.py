"""A small classifier, trained here on scikit-learn's digits, keeps its accuracy at 1/20 and 1/40 of its bytes."""
import json

import pytest

import digits


def test_the_test_images_are_no_training_images():
    (test, labels), (training, _) = digits.images()
    assert len(test) == len(labels) == digits.TEST_IMAGES and len(training) == 1257
    assert not {image.tobytes() for image in test} & {image.tobytes() for image in training}


@pytest.mark.parametrize("times, points", [(20, 0), (40, 1)])
def test_accuracy_is_kept(tt, tmp_path, digits_folder, times, points):
    model = digits_folder / "digits.onnx"
    done = tt("compress", model, "-o", "small.tt", "--calib", digits_folder / "calibration.npz", "--target-ratio", 1 / times)
    if "built without ONNX Runtime" in done.stderr:
        pytest.skip("tt is built without ONNX Runtime")
    assert done.status == 0, done
    assert (tmp_path / "small.tt").stat().st_size * times <= model.stat().st_size
    done = tt("verify", model, "small.tt", "--data", digits_folder / "test.npz", "--labels", digits_folder / "labels.npy", "--max-drop", points, "--json")
    report = json.loads(done.stdout)
    assert done.status == 0 and report["passed"], report["accuracy"]
    assert report["accuracy"]["original"] > 0.975 and report["accuracy"]["labels"] == digits.TEST_IMAGES
