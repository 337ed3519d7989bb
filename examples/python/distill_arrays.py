import hypertape

digits = hypertape.load_dataset("glyphs")  # drawn digits; below, any arrays do


def show(now):
    if now.score is not None:
        print(f"{now.iteration}: {now.score:.1f} % of the held-out images are right")


ten = hypertape.distill(digits.images, digits.labels, iterations=200, evaluate_every=100, progress=show)
result = hypertape.evaluate(ten, digits.test_images, digits.test_labels)
print(f"{result.accuracy:.1f} % of the test images are right after three steps on {ten.images[0].shape[0]} images")
ten.save("ten.npz")
