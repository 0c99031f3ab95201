"""Handwritten digits, found and read by a real detector: data for a first look at Sightline, made on the spot.

    handwriting → scenes → detector → build → demo
                         ↘ mistakes ↗

* `handwriting.py`   scikit-learn's digits, divided into training, validation and test writing that never mix
* `scenes.py`        sheets of paper with digits on them: small and large, in bad light, amid scribbles, touching
* `imaging.py`       the few operations on pictures that this needs
* `segmentation.py`  from pixels to boxes that may hold a digit
* `detector.py`      two versions of a model, trained here on training scenes only: a plain one and a careful one
* `mistakes.py`      label mistakes put into the ground truth on purpose, each written down, for you to hunt
* `build.py`         all of the above as files: `python -m examples.digits FOLDER`
* `picture.py`       a scene with its truth and predictions drawn on it
* `demo.py`          `make demo`: the stack (`local_stack.py`), the files sent (`upload.py`), both runs (`show.py`)
"""
