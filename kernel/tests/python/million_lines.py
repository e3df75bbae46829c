"""A cell that prints a million lines: this kernel and ipykernel, measured by the same client.

None may be lost, the cell may take no longer than with ipykernel, and a message must hold a thousand lines. ipykernel
sends five messages a second, so its number grows with its time; it is shown, and not compared.
"""

import sys
import time

from jupyter_client.manager import start_new_kernel

LINES = 1_000_000
LINES_PER_MESSAGE = 1000
KERNELS = {
    "crabtree": ("()", f'for n in 0..{LINES} {{ println!("line {{n}}"); }}'),
    "python3": ("None", f'for n in range({LINES}): print("line", n)'),
}


def measure(kernel, warm_up, code):
    manager, client = start_new_kernel(kernel_name=kernel, startup_timeout=120)
    try:
        client.execute_interactive(warm_up, output_hook=lambda message: None, timeout=120)
        texts = []
        messages = 0
        began = time.monotonic()
        request = client.execute(code)
        while True:
            message = client.get_iopub_msg(timeout=300)
            if message["parent_header"].get("msg_id") != request:
                continue
            messages += 1
            if message["msg_type"] == "stream":
                texts.append(message["content"]["text"])
            elif message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
        took = time.monotonic() - began
        reply = client.get_shell_msg(timeout=60)
        assert reply["content"]["status"] == "ok", reply["content"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    lines = "".join(texts).splitlines()
    lost = LINES - sum(line == f"line {n}" for n, line in enumerate(lines))
    size = sum(len(text.encode()) for text in texts)
    print(f"{kernel:10} {took:6.2f} s to idle  {messages:6} messages  {size:10} bytes  {lost} lines lost")
    return took, messages, lost


results = {kernel: measure(kernel, *cells) for kernel, cells in KERNELS.items()}
ours, theirs = results["crabtree"], results["python3"]
print(f"ratio      {ours[0] / theirs[0]:6.2f} of the time {ours[1] / theirs[1]:6.2f} of the messages")
sys.exit(ours[2] != 0 or ours[0] > theirs[0] or ours[1] > LINES // LINES_PER_MESSAGE)
