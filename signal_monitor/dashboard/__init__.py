"""The pages at ``/signals/``, and the websocket that keeps them live."""
