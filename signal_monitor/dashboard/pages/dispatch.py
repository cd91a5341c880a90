"""The page of one dispatch, with its waterfall."""

from __future__ import annotations

from django import forms

from signal_monitor.dashboard.dispatch_verdict import judge_dispatch
from signal_monitor.dashboard.fields import MAX_TEXT_LENGTH, PageForm
from signal_monitor.dashboard.pages.base import LIST_ROWS, Context, NotStored, Page, Params
from signal_monitor.dashboard.serializers import Json, dispatch_json, frames_json
from signal_monitor.dashboard.waterfall import waterfall
from signal_monitor.stores.base import Store


class DispatchForm(PageForm):
    """The id."""

    dispatch_id = forms.CharField(max_length=MAX_TEXT_LENGTH)


class DispatchPage(Page):
    """A dispatch, and the dispatches around and inside it."""

    name = "dispatch"
    route = "dispatches/<str:dispatch_id>/"
    title = "Dispatch"
    section = "live"
    form = DispatchForm
    parts = ("dispatch",)

    def fetch(self, store: Store, params: Params) -> Context:
        dispatch = store.dispatch(params.get("dispatch_id", ""))
        if dispatch is None:
            raise NotStored("dispatch")
        tree = store.tree(dispatch.root_id, LIST_ROWS)
        drawn = waterfall(tree or [dispatch])
        return {"dispatch": dispatch, "tree": tree, "waterfall": drawn, "verdict": judge_dispatch(dispatch)}

    def as_json(self, context: Context) -> Json:
        return {
            **dispatch_json(context["dispatch"]),
            "verdict": context["verdict"].heading,
            "stack": frames_json(context["dispatch"].stack),
            "tree_is_complete": len(context["tree"]) < LIST_ROWS,
            "tree": [dispatch_json(dispatch) for dispatch in context["tree"]],
        }
