"""What a model will cost on a device that nobody has at hand: time and memory, with the error of saying so.

Pure arithmetic over counted work: who counts it (a `.tflite`, an `.onnx`, a Keras network) stands in other rooms.
"""
