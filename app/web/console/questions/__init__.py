"""The pages of questions to people: the inbox, forms, answers by link, previews."""
