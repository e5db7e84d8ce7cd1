"""What the built-in agents share to look at a repository: walking, secrets, SAST, licences.

Everything here treats the repository as hostile: no configuration of it is loaded, nothing of it
is executed, links are never followed, and every amount (files, bytes, lines, seconds) has a cap.
What a cap cut off is reported, never dropped quietly.
"""
