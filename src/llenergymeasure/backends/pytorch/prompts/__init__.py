"""From prompts to token ids: the chat template, the tokenizer, and a look at both before the model is loaded."""
