"""What a person writes to run a model on a picture without any kit: `python -m ... MODEL PICTURE`. The yardstick."""

import sys

import cv2
from ai_edge_litert.interpreter import Interpreter

interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
wanted, answer = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
picture = cv2.cvtColor(cv2.imread(sys.argv[2]), cv2.COLOR_BGR2RGB)
picture = cv2.resize(picture, (int(wanted["shape"][2]), int(wanted["shape"][1])))
interpreter.set_tensor(
    wanted["index"], picture[None] if wanted["dtype"].__name__ == "uint8" else (picture[None] ^ 128).view("int8")
)
interpreter.invoke()
sys.stdout.write(f"{interpreter.get_tensor(answer['index'])[0].argmax()}\n")
