import time


def weather(output_dir):
    time.sleep(3)
    (output_dir / "weather.txt").write_text("mild\n")
