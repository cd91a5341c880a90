"""Addresses of the accounts app."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from demo.accounts import views
from demo.home.methods import post_or_page

app_name = "accounts"
urlpatterns = [
    path("sign-up/", views.sign_up, name="sign_up"),
    path("login/", LoginView.as_view(template_name="accounts/login.html"), name="login"),
    path("logout/", post_or_page("home:index")(LogoutView.as_view()), name="logout"),
    path("profile/", views.profile, name="profile"),
]
