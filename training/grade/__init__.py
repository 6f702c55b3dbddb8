"""What finds the grade of a picture: trained on photos under colour tables that are known."""
